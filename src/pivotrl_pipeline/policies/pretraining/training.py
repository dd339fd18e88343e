"""The pretraining loop: next-token loss, Muon for matrices, AdamW for the rest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pivotrl_pipeline.parameters.pretrain import OptimizerParameters
from pivotrl_pipeline.policies.pretraining.batches import (
    Batch,
    make_batch,
    split_by_length,
)
from pivotrl_pipeline.policies.pretraining.corpus import Document
from pivotrl_pipeline.policies.pretraining.workers import Workgroup

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
        padding: int,
        workgroup: Workgroup | None = None,
    ) -> None:
        """Takes a model.

        Args:
            model: Changed in place; the same in all workers.
            parameters: Learning rates, weights of the loss, precision.
            num_updates: Planned in all, for the learning rate.
            padding: Token id to the right of shorter documents.
            workgroup: Those who share each batch; None for a worker alone.
        """
        self._model = model
        self._parameters = parameters
        self._num_updates = num_updates
        self._padding = padding
        self._workgroup = workgroup
        self._update_index = 0
        self._optimizers = _make_optimizers(model, parameters)

    def update(self, documents: Sequence[Document]) -> UpdateMetrics:
        """One optimiser step on the documents, of which this worker takes its share."""
        start = time.perf_counter()
        loss = self._compute_gradients(documents)
        self._step()
        self._update_index += 1
        return UpdateMetrics(
            self._update_index - 1,
            loss,
            sum(len(document.token_ids) for document in documents),
            time.perf_counter() - start,
        )

    def _compute_gradients(self, documents: Sequence[Document]) -> float:
        """Leaves the gradient of the mean over all workers; returns the mean loss."""
        import torch

        weights = list(self._model.parameters())
        share = sorted(documents, key=lambda document: len(document.token_ids))
        if self._workgroup is not None:
            share = share[self._workgroup.rank :: self._workgroup.size]
        sums = torch.zeros(2)
        for part in split_by_length(share):
            batch = make_batch(
                part,
                padding=self._padding,
                other_weight=self._parameters.other_weight,
            )
            loss_sum, weight_sum = sum_loss(
                self._model, batch, is_bfloat16=self._parameters.is_bfloat16
            )
            loss_sum.backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([loss_sum.detach(), weight_sum])
        flat = torch.cat([*(_flat_gradient(weight) for weight in weights), sums])
        if self._workgroup is not None:
            flat = self._workgroup.sum(flat)
        loss_total, weight_total = flat[-2:]
        sizes = [weight.numel() for weight in weights]
        for weight, total in zip(weights, torch.split(flat[:-2], sizes), strict=True):
            weight.grad = (total / weight_total).view_as(weight)
        return float(loss_total / weight_total)

    def _step(self) -> None:
        import torch

        factor = learning_rate_factor(
            self._update_index,
            num_updates=self._num_updates,
            warmup_updates=self._parameters.warmup_updates,
            decay_rate=self._parameters.decay_rate,
        )
        torch.nn.utils.clip_grad_norm_(
            self._model.parameters(), self._parameters.max_gradient_norm
        )
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_learning_rate"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def sum_loss(
    model: "Qwen3ForCausalLM", batch: Batch, *, is_bfloat16: bool
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Weighted sum of the next tokens' negative log-likelihood, and of the weights."""
    import torch

    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        logits = model(input_ids=batch.token_ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(),
        batch.token_ids[:, 1:].flatten(),
        reduction="none",
    )
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum(), weights.sum()


def learning_rate_factor(
    update_index: int, *, num_updates: int, warmup_updates: int, decay_rate: float
) -> float:
    """Linear rise, plateau, linear fall to nearly zero over the last share."""
    rise = (update_index + 1) / max(warmup_updates, 1)
    num_decay = max(decay_rate * num_updates, 1.0)
    fall = (num_updates - update_index) / num_decay
    return min(1.0, rise, fall)


def _flat_gradient(weight: "torch.nn.Parameter") -> "torch.Tensor":
    import torch

    if weight.grad is None:
        return torch.zeros(weight.numel())
    return weight.grad.flatten()


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
