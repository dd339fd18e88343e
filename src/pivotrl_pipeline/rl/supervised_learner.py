"""The gradient of supervised fine-tuning.

The loss is the mean negative log-likelihood, in nats, over the action tokens of all
turns of an update: long actions weigh more, as in pretraining. Prompts are read, never
predicted. Turns whose prompts begin alike go through the model together, each shared
token once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    count_unique_tokens,
)
from pivotrl_pipeline.policies.groups import ActionGroup, batch_groups
from pivotrl_pipeline.policies.pretraining.training import learning_rate_factor
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing
from pivotrl_pipeline.rl.model_learner import ModelLearner
from pivotrl_pipeline.rl.supervised_turns import SupervisedTurn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class SupervisedReport:
    """What one update measured."""

    loss: float
    """Of the weights that the update began with."""
    learning_rate: float
    gradient_norm: float
    """Before it is scaled down."""
    num_forwarded_tokens: int
    """Tokens that went through the policy."""
    num_unique_tokens: int
    """The same, were each prompt shared by all that begins with it."""


class SupervisedLearner(ModelLearner):
    """A model that becomes likelier to act as was demonstrated."""

    def __init__(
        self, model: "PreTrainedModel", parameters: SFTParameters, *, num_updates: int
    ) -> None:
        """Trains the model in place.

        Args:
            model: Half-precision weights become float32.
            parameters: All settings.
            num_updates: Planned in all, for the learning rate.
        """
        super().__init__(model, parameters, name="sft")
        self._parameters = parameters
        self._num_updates = num_updates

    def learn(
        self, turns: Sequence[SupervisedTurn], update_index: int
    ) -> SupervisedReport:
        """One step on the turns' mean loss.

        Raises:
            PolicyError: If the gradient is not finite.
        """
        parts = list(self._split(turns))
        num_tokens = _count_action_tokens(turns)
        self._clear_gradient()
        losses = []
        for part in parts:
            loss = self._sum_losses(part) / num_tokens
            torch.autograd.backward(loss)
            losses.append(loss.item())
        learning_rate = self._parameters.learning_rate * learning_rate_factor(
            update_index,
            num_updates=self._num_updates,
            warmup_updates=self._parameters.warmup_updates,
            decay_rate=self._parameters.decay_rate,
        )
        return SupervisedReport(
            loss=math.fsum(losses),
            learning_rate=learning_rate,
            gradient_norm=self._step(update_index, learning_rate),
            num_forwarded_tokens=sum(map(self._count_forwarded_tokens, parts)),
            num_unique_tokens=count_unique_tokens(_to_groups(turns)),
        )

    def measure_loss(self, turns: Sequence[SupervisedTurn]) -> float:
        """The same mean over all turns, without a step."""
        with torch.no_grad():
            sums = [self._sum_losses(part).item() for part in self._split(turns)]
        return math.fsum(sums) / _count_action_tokens(turns)

    def _split(self, turns: Sequence[SupervisedTurn]) -> Iterator[list[ActionGroup]]:
        groups = _to_groups(turns)
        max_tokens = self._parameters.tokens_per_forward
        for indices in batch_groups(groups, max_tokens=max_tokens):
            yield [groups[index] for index in indices]

    def _sum_losses(self, part: Sequence[ActionGroup]) -> torch.Tensor:
        # What stands behind an action's end is 0.
        logprobs = compute_action_logprobs(self._model, part, temperature=1.0)
        return -torch.stack([tensor.sum() for tensor in logprobs]).sum()

    def _count_forwarded_tokens(self, part: Sequence[ActionGroup]) -> int:
        if find_sharing(self._model) is Sharing.TREE:
            return count_unique_tokens(part)
        return sum(group.num_plain_tokens for group in part)


def _to_groups(turns: Sequence[SupervisedTurn]) -> list[ActionGroup]:
    return [ActionGroup(turn.prompt_ids, (turn.action_ids,)) for turn in turns]


def _count_action_tokens(turns: Sequence[SupervisedTurn]) -> int:
    return sum(len(turn.action_ids) for turn in turns)
