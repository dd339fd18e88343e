"""The optimiser's side of an update: gradients, steps, and the weights themselves.

The ratio of the objective compares the policy with itself before the update. Those
log-probabilities are computed here, in the first pass over the batch, by the very
forward that is differentiated, and not taken from the sampler: on policy the ratio is
then exactly 1, as in TRL. How far the sampler's figures lie off is reported.

Left out on purpose: dropout (off, since the ratio would measure its noise), importance
correction for the sampler's arithmetic, mixed precision, more than one process.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pivotrl_pipeline.parameters.rl_update import GRPOParameters
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    count_unique_tokens,
)
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing
from pivotrl_pipeline.rl.adapters import without_adapters
from pivotrl_pipeline.rl.batches import (
    UpdateBatch,
    WeightedGroup,
    make_batch,
    split_groups,
)
from pivotrl_pipeline.rl.loss import (
    ActionTokens,
    compute_loss,
    estimate_kl_policy_reference,
)
from pivotrl_pipeline.rl.metrics import LearningReport
from pivotrl_pipeline.rl.model_learner import ModelLearner
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(slots=True)
class _Part:
    """Groups that are forwarded together, and what they are compared with."""

    groups: list[WeightedGroup]
    rollout_logprobs: list[Tensor] | None = None
    """Per group, from the first epoch's forward; None until then."""
    reference_logprobs: list[Tensor] | None = None
    """Per group; None until the first epoch, and without a reference policy."""


@dataclass(slots=True)
class _Sums:
    """Sums over action tokens, all epochs together."""

    num_tokens: int = 0
    num_clipped: float = 0.0
    kl: float = 0.0
    mismatch: float = 0.0
    gradient_norms: list[float] = field(default_factory=list)


class Learner(ModelLearner):
    """A model, its optimiser, and the reference policy where one is needed."""

    def __init__(self, model: "PreTrainedModel", parameters: GRPOParameters) -> None:
        """Takes the model as it is for the reference policy, and trains it in place.

        Half-precision weights become float32. Where adapters are trained, the model
        without them is the reference policy, and no copy is held.
        """
        super().__init__(model, parameters, name=parameters.section)
        self._parameters = parameters
        self._objective = parameters.objective_parameters
        self._reference: PreTrainedModel | None = None
        self._has_reference = self._objective.kl_beta > 0
        if self._has_reference and not self._has_adapters:
            self._reference = copy.deepcopy(model)
            self._reference.requires_grad_(False)

    def learn(
        self, rollout_groups: Sequence[RolloutGroup], update_index: int
    ) -> LearningReport:
        """One update on fresh rollouts; nothing happens if no group is informative.

        Raises:
            PolicyError: If the gradient is not finite.
        """
        batch = make_batch(
            rollout_groups,
            self._objective,
            max_new_tokens=self._parameters.max_new_tokens,
        )
        return self.learn_batch(batch, update_index)

    def learn_batch(self, batch: UpdateBatch, update_index: int) -> LearningReport:
        """The same, from rollouts that have their advantages.

        Raises:
            PolicyError: If the gradient is not finite.
        """
        informative_rate = batch.num_informative / batch.num_groups
        if batch.num_informative == 0:
            return LearningReport(is_skipped=True, informative_rate=informative_rate)
        max_tokens = self._parameters.tokens_per_forward
        parts = [_Part(p) for p in split_groups(batch.groups, max_tokens=max_tokens)]
        sums = _Sums()
        learning_rate = self._find_learning_rate(update_index)
        for _ in range(self._parameters.epochs_per_update):
            self._clear_gradient()
            for part in parts:
                self._add_gradient(part, batch, sums)
            sums.gradient_norms.append(self._step(update_index, learning_rate))
        return self._report(informative_rate, batch, parts, sums)

    def _add_gradient(self, part: _Part, batch: UpdateBatch, sums: _Sums) -> None:
        logprobs = self._compute_logprobs(self._model, part)
        if part.rollout_logprobs is None:
            self._set_anchors(part, logprobs, sums)
        assert part.rollout_logprobs is not None
        losses = []
        for index, group in enumerate(part.groups):
            reference = (
                None
                if part.reference_logprobs is None
                else part.reference_logprobs[index]
            )
            tokens = ActionTokens(
                logprobs[index],
                part.rollout_logprobs[index],
                reference,
                group.advantages.to(logprobs[index]),
                _make_action_mask(group, logprobs[index]),
                None
                if group.sequence_tokens is None
                else group.sequence_tokens.to(logprobs[index]),
            )
            terms = compute_loss(tokens, batch.size, self._objective)
            losses.append(terms.loss)
            sums.num_tokens += group.actions.num_action_tokens
            sums.num_clipped += terms.num_clipped.item()
            if reference is not None:
                sums.kl += _sum_kl(tokens, reference)
        torch.autograd.backward(torch.stack(losses).sum())

    def _set_anchors(self, part: _Part, logprobs: list[Tensor], sums: _Sums) -> None:
        part.rollout_logprobs = [tensor.detach() for tensor in logprobs]
        if self._has_reference:
            with torch.no_grad(), self._open_reference() as reference:
                part.reference_logprobs = self._compute_logprobs(reference, part)
        for group, tensor in zip(part.groups, part.rollout_logprobs, strict=True):
            sampled = [value for row in group.sampled_logprobs for value in row]
            learnt = tensor[_make_action_mask(group, tensor)]
            distances = (learnt - learnt.new_tensor(sampled)).abs()
            sums.mismatch += distances.sum().item()

    @contextmanager
    def _open_reference(self) -> "Iterator[PreTrainedModel]":
        if self._reference is not None:
            yield self._reference
            return
        with without_adapters(self._model):
            yield self._model

    def _compute_logprobs(self, model: "PreTrainedModel", part: _Part) -> list[Tensor]:
        return compute_action_logprobs(
            model,
            [group.actions for group in part.groups],
            temperature=self._parameters.temperature,
        )

    def _find_learning_rate(self, update_index: int) -> float:
        warmup = self._parameters.warmup_updates
        share = 1.0 if warmup == 0 else min(1.0, (update_index + 1) / warmup)
        return share * self._parameters.learning_rate

    def _report(
        self,
        informative_rate: float,
        batch: UpdateBatch,
        parts: Sequence[_Part],
        sums: _Sums,
    ) -> LearningReport:
        epochs = self._parameters.epochs_per_update
        actions = [group.actions for group in batch.groups]
        if find_sharing(self._model) is Sharing.TREE:
            per_pass = sum(
                count_unique_tokens([group.actions for group in part.groups])
                for part in parts
            )
        else:
            per_pass = sum(group.num_plain_tokens for group in actions)
        return LearningReport(
            is_skipped=False,
            informative_rate=informative_rate,
            clip_rate=sums.num_clipped / sums.num_tokens,
            gradient_norm=math.fsum(sums.gradient_norms) / epochs,
            kl_policy_reference_k3=(
                sums.kl / sums.num_tokens if self._has_reference else None
            ),
            logprob_mismatch=sums.mismatch * epochs / sums.num_tokens,
            num_forwarded_tokens=epochs * per_pass,
            num_unique_tokens=count_unique_tokens(actions),
        )


def _make_action_mask(group: WeightedGroup, logprobs: Tensor) -> Tensor:
    lengths = [len(action) for action in group.actions.actions]
    columns = torch.arange(logprobs.shape[1], device=logprobs.device)
    return columns < torch.tensor(lengths, device=logprobs.device)[:, None]


def _sum_kl(tokens: ActionTokens, reference_logprobs: Tensor) -> float:
    estimates = estimate_kl_policy_reference(
        tokens.logprobs.detach(), reference_logprobs, estimator="k3"
    )
    return (estimates * tokens.action_mask).sum().item()
