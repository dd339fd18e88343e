"""The one place where this package enters a transformers model: its attention function.

Models of transformers look their attention function up by name at each call. The name
registered here gives exactly what the model gave before, unless the forward is called
with ``tree=…``; then that object decides what each token attends to.
"""

import sys
from collections.abc import Callable
from typing import Protocol, cast

import torch
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from pivotrl_pipeline.errors import PolicyError

_PREFIX = "tree_"

AttentionOutput = tuple[torch.Tensor, torch.Tensor | None]


class TreeAttention(Protocol):
    """Decides what the tokens of a forward attend to."""

    def attend(
        self,
        layer_index: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        *,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> torch.Tensor:
        """Output [1, tokens, heads, dim] for queries [1, heads, tokens, dim]."""
        ...


def enable_tree_attention(model: PreTrainedModel) -> None:
    """Lets the model's forward take ``tree=…``; without it nothing changes.

    Raises:
        PolicyError: If the model does not look its attention function up.
    """
    name = str(model.config._attn_implementation)
    if name.startswith(_PREFIX):
        return
    if not model._can_set_attn_implementation():
        raise PolicyError(
            f"{type(model).__name__} does not look its attention up in "
            "ALL_ATTENTION_FUNCTIONS, so prefixes cannot be shared inside it."
        )
    AttentionInterface.register(_PREFIX + name, _make_attention(name))
    if name in ALL_MASK_ATTENTION_FUNCTIONS:
        ALL_MASK_ATTENTION_FUNCTIONS.register(
            _PREFIX + name, ALL_MASK_ATTENTION_FUNCTIONS[name]
        )
    model.set_attn_implementation(_PREFIX + name)


def disable_tree_attention(model: PreTrainedModel) -> None:
    """The inverse of `enable_tree_attention`."""
    name = str(model.config._attn_implementation)
    if name.startswith(_PREFIX):
        model.set_attn_implementation(name.removeprefix(_PREFIX))


def _make_attention(name: str) -> Callable[..., AttentionOutput]:
    """The model's own attention function, unless it is called with a tree."""

    def attention(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        *,
        tree: TreeAttention | None = None,
        **kwargs: object,
    ) -> AttentionOutput:
        if tree is None:
            plain = _find_attention(module, name)
            return plain(module, query, key, value, attention_mask, **kwargs)
        return _attend(tree, module, query, key, value, kwargs), None

    return attention


def _attend(
    tree: TreeAttention,
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    kwargs: dict[str, object],
) -> torch.Tensor:
    if kwargs.get("s_aux") is not None or kwargs.get("position_bias") is not None:
        raise PolicyError(
            f"{type(module).__name__} adds attention sinks or a position bias to the "
            "scores, which shared prefixes do not support."
        )
    scale = cast("float | None", kwargs.get("scaling"))
    return tree.attend(
        cast("int", module.layer_idx),
        query,
        key,
        value,
        scale=query.shape[-1] ** -0.5 if scale is None else scale,
        window=cast("int | None", kwargs.get("sliding_window")),
        softcap=cast("float | None", kwargs.get("softcap")),
    )


def _find_attention(
    module: torch.nn.Module, name: str
) -> Callable[..., AttentionOutput]:
    if name == "eager":
        models = sys.modules[type(module).__module__]
        return cast("Callable[..., AttentionOutput]", models.eager_attention_forward)
    return cast("Callable[..., AttentionOutput]", ALL_ATTENTION_FUNCTIONS[name])
