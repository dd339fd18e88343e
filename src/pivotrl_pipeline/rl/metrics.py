"""What is reported of an update, under the names of the table `training_metrics`."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pivotrl_pipeline.policies.base import Sample
from pivotrl_pipeline.records.messages import Action, ActionType
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup

MetricsRow: TypeAlias = dict[str, "float | int | bool | None"]


@dataclass(frozen=True, slots=True)
class LearningReport:
    """What the gradient side of an update measured; rates and means are per token."""

    is_skipped: bool
    """True where no group was informative, so nothing was changed."""
    informative_rate: float
    """Share of groups with two different rewards."""
    clip_rate: float = 0.0
    """Tokens without gradient because their ratio left the trust region."""
    gradient_norm: float = 0.0
    """Before it is scaled down; the mean over the epochs."""
    kl_policy_reference_k3: float | None = None
    """In nats; None without a reference policy."""
    logprob_mismatch: float | None = None
    """Mean distance of the sampler's log-probabilities from those learnt from."""
    num_forwarded_tokens: int = 0
    """Tokens that went through the policy, over all epochs."""
    num_unique_tokens: int = 0
    """The same, were each prompt shared by all that begins with it."""


class SampledAction(Protocol):
    """An action with the tokens that say it."""

    @property
    def sample(self) -> Sample:
        """The tokens."""
        ...

    @property
    def action(self) -> Action:
        """What they say."""
        ...


@dataclass(frozen=True, slots=True)
class UpdateRollouts:
    """What was sampled to learn from."""

    actions: Sequence[SampledAction]
    rewards: Sequence[float]
    """One per judged action, or one per episode."""
    num_excluded: int = 0
    """Actions that have no reward."""
    mean_turns: float | None = None
    """Per episode; None where single actions were sampled."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What some weights can do; None where it was not tried."""

    heldout_reward_mean: float | None = None
    """Greedy."""
    validation_success: float | None = None
    """Greedy."""
    validation_loss: float | None = None

    @property
    def score(self) -> float | None:
        """The higher, the better the weights: what is measured on recorded turns
        decides where there are any held out."""
        if self.validation_loss is not None:
            return -self.validation_loss
        if self.heldout_reward_mean is not None:
            return self.heldout_reward_mean
        return self.validation_success


NOT_MEASURED = Measurement()


@dataclass(frozen=True, slots=True)
class UpdateTotals:
    """Where an update stands in its run, and what it cost."""

    update_index: int
    rollout_turns: int
    """Actions sampled to learn from, this update's included."""
    sampling_seconds: float
    updating_seconds: float
    profiling_turns: int = 0
    """Actions sampled in training to select pivots again, so far."""
    measured: Measurement = NOT_MEASURED
    """After the update."""
    before: Measurement = NOT_MEASURED
    """Before it, where it is the first."""


def make_metrics_row(
    groups: Sequence[RolloutGroup], report: LearningReport, totals: UpdateTotals
) -> MetricsRow:
    """One row of `training_metrics`; None where nothing could be measured.

    Rewards are over judged rollouts, ``action/…`` over all of them.
    """
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    rewards = [r.reward for r in rollouts if r.reward is not None]
    sampled = UpdateRollouts(rollouts, rewards, len(rollouts) - len(rewards))
    return describe_update(sampled, report, totals)


def describe_update(
    rollouts: UpdateRollouts, report: LearningReport, totals: UpdateTotals
) -> MetricsRow:
    """One row of `training_metrics`; None where nothing could be measured.

    ``entropy/mean`` is minus the mean log-probability of the sampled tokens: an
    unbiased estimate of the entropy per token, in nats, of the distribution sampled
    from.
    """
    actions, rewards = rollouts.actions, rollouts.rewards
    logprobs = [lp for a in actions for lp in a.sample.logprobs]
    return {
        "update_index": totals.update_index,
        "is_skipped": report.is_skipped,
        "reward/mean": statistics.fmean(rewards) if rewards else None,
        "reward/std": statistics.pstdev(rewards) if rewards else None,
        "heldout/reward_mean": totals.measured.heldout_reward_mean,
        "heldout/reward_mean_before": totals.before.heldout_reward_mean,
        "validation/success": totals.measured.validation_success,
        "validation/success_before": totals.before.validation_success,
        "groups/informative_rate": report.informative_rate,
        "rollouts/excluded": rollouts.num_excluded,
        "kl/policy_reference_k3": report.kl_policy_reference_k3,
        "clip/rate": report.clip_rate,
        "gradient/norm": report.gradient_norm,
        "logprobs/mismatch": report.logprob_mismatch,
        "entropy/mean": -statistics.fmean(logprobs) if logprobs else None,
        "action/mean_tokens": _mean(actions, lambda a: len(a.sample.token_ids)),
        "action/truncated_rate": _mean(
            actions, lambda a: a.sample.finish_reason is FinishReason.LENGTH
        ),
        "action/parse_failure_rate": _mean(
            actions, lambda a: a.action.parse_error is not None
        ),
        "action/calls_mean": _mean(actions, lambda a: len(a.action.tool_calls)),
        "action/message_rate": _mean(
            actions, lambda a: a.action.action_type is ActionType.MESSAGE
        ),
        "episode/mean_turns": rollouts.mean_turns,
        "rollout_turns": totals.rollout_turns,
        "profiling_turns": totals.profiling_turns,
        "tokens/forwarded": report.num_forwarded_tokens,
        "tokens/unique": report.num_unique_tokens,
        "seconds/sampling": totals.sampling_seconds,
        "seconds/updating": totals.updating_seconds,
    }


def _mean(
    actions: Sequence[SampledAction], measure: Callable[[SampledAction], float]
) -> float:
    return statistics.fmean(map(measure, actions))
