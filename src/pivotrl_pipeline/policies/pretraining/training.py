"""The pretraining loop: next-token loss, Muon for matrices, AdamW for the rest."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pivotrl_pipeline.parameters.pretrain import OptimizerParameters
from pivotrl_pipeline.policies.pretraining.batches import (
    Batch,
    make_batch,
    plan_batches,
)
from pivotrl_pipeline.policies.pretraining.corpus import Document

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3ForCausalLM


@dataclass(frozen=True, slots=True)
class UpdateMetrics:
    """One update of pretraining."""

    update_index: int
    loss: float
    """Weighted mean negative log-likelihood, nats a token."""
    num_tokens: int
    """Without padding."""
    seconds: float


class Pretrainer:
    """Updates a model in place, batch by batch, on a planned learning rate."""

    def __init__(
        self,
        model: "Qwen3ForCausalLM",
        parameters: OptimizerParameters,
        *,
        num_updates: int,
    ) -> None:
        self._model = model
        self._parameters = parameters
        self._num_updates = num_updates
        self._update_index = 0
        self._optimizers = _make_optimizers(model, parameters)

    def update(self, batch: Batch) -> UpdateMetrics:
        """One optimiser step."""
        import torch

        start = time.perf_counter()
        factor = learning_rate_factor(
            self._update_index,
            num_updates=self._num_updates,
            warmup_updates=self._parameters.warmup_updates,
            decay_rate=self._parameters.decay_rate,
        )
        loss = weighted_loss(
            self._model, batch, is_bfloat16=self._parameters.is_bfloat16
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(
            self._model.parameters(), self._parameters.max_gradient_norm
        )
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_learning_rate"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._update_index += 1
        return UpdateMetrics(
            self._update_index - 1,
            loss.item(),
            int((batch.weights > 0).sum()),
            time.perf_counter() - start,
        )


def iterate_batches(
    documents: Sequence[Document],
    *,
    batch_tokens: int,
    other_weight: float,
    padding: int,
    seed: int,
) -> Iterator[Batch]:
    """Each document once, in batches of like length."""
    lengths = [len(document.token_ids) for document in documents]
    plan = plan_batches(
        lengths, batch_tokens=batch_tokens, rng=np.random.default_rng(seed)
    )
    for indices in plan:
        chosen = [documents[index] for index in indices]
        yield make_batch(chosen, padding=padding, other_weight=other_weight)


def weighted_loss(
    model: "Qwen3ForCausalLM", batch: Batch, *, is_bfloat16: bool
) -> "torch.Tensor":
    """Mean negative log-likelihood of the next token, by target weight."""
    import torch

    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        logits = model(input_ids=batch.token_ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(),
        batch.token_ids[:, 1:].flatten(),
        reduction="none",
    )
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def learning_rate_factor(
    update_index: int, *, num_updates: int, warmup_updates: int, decay_rate: float
) -> float:
    """Linear rise, plateau, linear fall to nearly zero over the last share."""
    rise = (update_index + 1) / max(warmup_updates, 1)
    num_decay = max(decay_rate * num_updates, 1.0)
    fall = (num_updates - update_index) / num_decay
    return min(1.0, rise, fall)


def _make_optimizers(
    model: "Qwen3ForCausalLM", parameters: OptimizerParameters
) -> list["torch.optim.Optimizer"]:
    import torch

    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, weight in model.named_parameters():
        is_matrix = weight.ndim == 2 and "embed_tokens" not in name
        (matrices if is_matrix else others).append(weight)
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            matrices,
            lr=parameters.matrix_learning_rate,
            weight_decay=parameters.weight_decay,
            momentum=0.95,
        ),
        torch.optim.AdamW(
            others,
            lr=parameters.other_learning_rate,
            betas=(0.9, 0.95),
            weight_decay=0.0,
        ),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_learning_rate"] = group["lr"]
    return optimizers
