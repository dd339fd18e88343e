"""Which candidates become pivots, and why the others do not.

The paper's rule (arXiv 2603.21383, Eq. 5) keeps a turn whose outcomes vary and whose
reward mean is below a threshold. NVIDIA's released set differs in two ways, both
switches here: it keeps turns that no rollout got right, and its inequality is not
strict.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.selection.statistics import RewardStatistics

VARIANCE_TOLERANCE = 1e-12
"""Equal rewards that are not dyadic have a variance of rounding errors."""


class SelectionReason(StrEnum):
    """Why a candidate was kept or dropped."""

    KEPT = "kept"
    """It is a pivot."""
    VALIDATION_SPLIT = "validation_split"
    """Its task is held out."""
    NOT_JUDGED = "not_judged"
    """No rollout of its group could be judged: too long, or sampling failed."""
    ALWAYS_RIGHT = "always_right"
    """Every rollout earned reward 1: nothing to learn."""
    ALWAYS_WRONG = "always_wrong"
    """Every rollout earned reward 0: nothing to learn from."""
    CONSTANT_REWARD = "constant_reward"
    """All rewards equal, strictly between 0 and 1."""
    MEAN_TOO_HIGH = "mean_too_high"
    """The outcomes vary, but the turn is easy: its mean is not below the threshold."""


@dataclass(frozen=True, slots=True)
class SelectionRule:
    """A strategy with its switches."""

    strategy: Literal["all", "mixed", "low_mean"]
    low_mean_threshold: float
    include_threshold: bool
    keep_all_zero: bool

    def judge(self, statistics: RewardStatistics) -> SelectionReason:
        """Whether a training candidate with these statistics is kept."""
        mean, variance = statistics.reward_mean, statistics.reward_variance
        if mean is None or variance is None:
            return SelectionReason.NOT_JUDGED
        if self.strategy == "all":
            return SelectionReason.KEPT
        if variance <= VARIANCE_TOLERANCE:
            return self._judge_constant(mean)
        if self.strategy == "mixed" or self._is_low(mean):
            return SelectionReason.KEPT
        return SelectionReason.MEAN_TOO_HIGH

    def _judge_constant(self, mean: float) -> SelectionReason:
        if mean <= 0:
            kept = self.keep_all_zero
            return SelectionReason.KEPT if kept else SelectionReason.ALWAYS_WRONG
        if mean >= 1:
            return SelectionReason.ALWAYS_RIGHT
        return SelectionReason.CONSTANT_REWARD

    def _is_low(self, mean: float) -> bool:
        if self.include_threshold:
            return mean <= self.low_mean_threshold
        return mean < self.low_mean_threshold


def make_rule(parameters: PivotSelectionParameters) -> SelectionRule:
    """The rule that the parameters describe."""
    return SelectionRule(
        parameters.strategy,
        parameters.low_mean_threshold,
        parameters.include_threshold,
        parameters.keep_all_zero,
    )
