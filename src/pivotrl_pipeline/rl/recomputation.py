"""Activations that are computed again in the backward pass instead of being kept.

Layers of transformers do so in training mode alone, where dropout acts too. Here they
run in evaluation mode all the same, the first time and again.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from pivotrl_pipeline.errors import PolicyError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def recompute_activations(model: "PreTrainedModel", *, name: str) -> None:
    """From here on each layer keeps its input alone for the backward pass.

    Sampling is as before, and so is what the model computes.

    Args:
        model: In evaluation mode.
        name: Of the parameters, as errors call them.

    Raises:
        PolicyError: If the model's layers are not made for it.
    """
    layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise PolicyError(
            f"{type(model).__name__} has no layers whose activations can be computed "
            f"again; set {name}.gradient_checkpointing to false, and lower "
            f"{name}.tokens_per_forward where memory is short."
        )
    for layer in layers:
        layer._gradient_checkpointing_func = partial(  # type: ignore[assignment]
            _forward_twice, layer
        )
        layer.gradient_checkpointing = True
        layer.training = True


def _forward_twice(
    layer: torch.nn.Module, forward: Callable[..., object], *inputs: object
) -> object:
    """The layer's output; the backward pass computes it again."""

    def forward_in_evaluation(*again: object) -> object:
        layer.training = False
        try:
            return forward(*again)
        finally:
            layer.training = True

    output = checkpoint(
        forward_in_evaluation, *inputs, use_reentrant=False, preserve_rng_state=False
    )
    return cast("object", output)
