"""Low-rank adapters: small matrices are trained beside frozen ones.

Each linear layer W but the last becomes W + 2BA, with A and B of a low rank. B begins
at zero, so that training begins with the initial policy, and ends, with the products
added to the weights, as an ordinary model again. Experts that are held together in one
tensor are no linear layers and stay as they are.

Source:
    Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"
    (arXiv:2106.09685), section 4.1.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pivotrl_pipeline.errors import ConfigurationError, PolicyError
from pivotrl_pipeline.sampling.seeds import derive_seed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALPHA_PER_RANK = 2
"""Alpha over rank is what BA is multiplied by; held fast, a learning rate that suits
one rank is near what suits another."""


def add_adapters(model: "PreTrainedModel", rank: int, *, seed: int, name: str) -> None:
    """Freezes the model and puts trainable adapters beside its linear layers.

    Args:
        model: Changed in place; the adapters take the type of its weights.
        rank: Columns of B and rows of A.
        seed: Of the draw of A; all that decides it, whatever other threads draw.
        name: Of the parameters, as errors call them.

    Raises:
        ConfigurationError: If the package peft is missing.
        PolicyError: If the model has no linear layers.
    """
    layers = _find_linear_layers(model)
    if not layers:
        raise PolicyError(
            f"{type(model).__name__} has no linear layers that adapters could stand "
            f"beside; set {name}.lora_rank to 0."
        )
    try:
        from peft import LoraConfig
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{name}.lora_rank is {rank}, which needs {error.name}, and that is not "
            f"installed; call `python3 install.py lora`, or set lora_rank to 0."
        ) from error
    config = LoraConfig(
        r=rank,
        lora_alpha=ALPHA_PER_RANK * rank,
        target_modules=layers,
    )
    with torch.random.fork_rng(devices=[]):  # peft's own draws leave no trace
        model.add_adapter(config)
    _draw_adapters(model, seed)


@contextmanager
def without_adapters(model: "PreTrainedModel") -> Iterator[None]:
    """The policy that training began with, for as long as this is open."""
    model.disable_adapters()
    try:
        yield
    finally:
        model.enable_adapters()


@torch.no_grad()
def merge_adapters(model: "PreTrainedModel") -> Iterator[tuple[str, Tensor]]:
    """Names and weights of the ordinary model that computes the same."""
    from peft.tuners.lora import Linear

    layers = {
        f"{name}.base_layer.weight": module
        for name, module in model.named_modules()
        if isinstance(module, Linear)
    }
    for name, tensor in model.state_dict().items():
        if name in layers:
            (adapter,) = layers[name].active_adapters
            tensor = tensor + layers[name].get_delta_weight(adapter)
        if ".lora_" not in name:
            yield name.replace(".base_layer.", "."), tensor


@torch.no_grad()
def _draw_adapters(model: "PreTrainedModel", seed: int) -> None:
    """Draws each A as peft does, which draws from the generator of all threads."""
    for name, weight in model.named_parameters():
        if ".lora_A." in name:
            generator = torch.Generator().manual_seed(derive_seed(seed, name))
            drawn = torch.empty(weight.shape, dtype=torch.float32)
            torch.nn.init.kaiming_uniform_(drawn, math.sqrt(5), generator=generator)
            weight.copy_(drawn)


def _find_linear_layers(model: "PreTrainedModel") -> list[str]:
    """Names of all but the last, which may be the embedding as well."""
    last = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not last
    ]
