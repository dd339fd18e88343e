"""A model's weights or adapters beside them, and how a gradient changes them.

Left out on purpose: dropout (off), mixed precision, more than one process.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.parameters.learner import LearnerParameters
from pivotrl_pipeline.rl.adapters import add_adapters, merge_adapters
from pivotrl_pipeline.rl.recomputation import recompute_activations
from pivotrl_pipeline.sampling.seeds import derive_seed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HALF_PRECISION = (torch.float16, torch.bfloat16)


class LearnerState(TypedDict):
    """What a learner must be given back to go on as if it had never stopped."""

    model: dict[str, Tensor]
    """What is trained: all weights, or the adapters."""
    optimizer: dict[str, object]


class ModelLearner:
    """A model that AdamW trains in place, in float32, all of it or adapters alone."""

    def __init__(
        self, model: "PreTrainedModel", parameters: LearnerParameters, *, name: str
    ) -> None:
        """Takes the model, in evaluation mode from here on.

        Half-precision weights become float32: a step of 1e-6 is lost in bfloat16.

        Args:
            model: What is trained.
            parameters: Of the optimiser and of the memory that it may take.
            name: Of the parameters, as errors call them.

        Raises:
            ConfigurationError: If there are to be adapters and peft is missing.
            PolicyError: If the model's layers do not allow what the parameters ask.
        """
        self._model = model
        self._settings = parameters
        self._name = name
        self._loaded_dtype = model.dtype
        self._has_adapters = parameters.lora_rank > 0
        module: torch.nn.Module = model
        module.eval()
        if model.dtype in HALF_PRECISION:
            module.float()
        if self._has_adapters:
            seed = derive_seed(parameters.seed, "adapters")
            add_adapters(model, parameters.lora_rank, seed=seed, name=name)
        if parameters.gradient_checkpointing:
            recompute_activations(model, name=name)
        self._trained = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._trained,
            lr=parameters.learning_rate,
            weight_decay=parameters.weight_decay,
        )

    def copy_weights(self) -> dict[str, Tensor]:
        """What is trained as it is now, on the CPU.

        All weights in the type they were loaded in, or the adapters in float32.
        """
        if self._has_adapters:
            trained = self._find_trained()
            return {
                name: t.detach().to("cpu", copy=True) for name, t in trained.items()
            }
        return self._copy_as_loaded(self._model.state_dict().items())

    def complete(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The whole policy's weights, on the CPU, in the type they were loaded in.

        Args:
            weights: What `copy_weights` gave, now or earlier.
        """
        if not self._has_adapters:
            return weights
        held = self.copy_weights()
        self._model.load_state_dict(weights, strict=False)
        complete = self._copy_as_loaded(merge_adapters(self._model))
        self._model.load_state_dict(held, strict=False)
        return complete

    def get_state(self) -> LearnerState:
        """What is trained, and optimiser state, by reference."""
        return LearnerState(
            model=self._find_trained(), optimizer=self._optimizer.state_dict()
        )

    def set_state(self, state: LearnerState) -> None:
        """Goes on from a state of `get_state`."""
        self._model.load_state_dict(state["model"], strict=not self._has_adapters)
        self._optimizer.load_state_dict(state["optimizer"])

    def _clear_gradient(self) -> None:
        """Forgets the gradient."""
        self._optimizer.zero_grad(set_to_none=True)

    def _step(self, update_index: int, learning_rate: float) -> float:
        """Follows the gradient; its Euclidean norm before it is scaled down.

        Raises:
            PolicyError: If the gradient is not finite.
        """
        norm = torch.nn.utils.clip_grad_norm_(
            self._trained, self._settings.max_gradient_norm
        ).item()
        if not math.isfinite(norm):
            raise PolicyError(
                f"update {update_index}: the gradient's norm is {norm}; expected a "
                f"finite one: lower {self._name}.learning_rate (now "
                f"{self._settings.learning_rate:g}) or look for weights that are "
                f"not finite in the initial policy."
            )
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        return norm

    def _find_trained(self) -> dict[str, Tensor]:
        weights = self._model.state_dict()
        if not self._has_adapters:
            return weights
        parameters = self._model.named_parameters()
        return {name: weights[name] for name, p in parameters if p.requires_grad}

    def _copy_as_loaded(
        self, weights: Iterable[tuple[str, Tensor]]
    ) -> dict[str, Tensor]:
        return {
            name: tensor.detach().to("cpu", self._as_loaded(tensor), copy=True)
            for name, tensor in weights
        }

    def _as_loaded(self, tensor: Tensor) -> torch.dtype:
        return self._loaded_dtype if tensor.is_floating_point() else tensor.dtype
