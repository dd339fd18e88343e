import pytest

from pivotrl_pipeline.selection.statistics import compute_reward_statistics
from pivotrl_pipeline.selection.strategies import SelectionReason, SelectionRule


def _judge(
    successes: int,
    group_size: int = 16,
    strategy: str = "low_mean",
    threshold: float = 0.6,
    include_threshold: bool = False,
    keep_all_zero: bool = False,
) -> SelectionReason:
    rewards = [1.0] * successes + [0.0] * (group_size - successes)
    rule = SelectionRule(strategy, threshold, include_threshold, keep_all_zero)
    return rule.judge(compute_reward_statistics(rewards))


@pytest.mark.parametrize(
    ("successes", "reason"),
    [
        (0, SelectionReason.ALWAYS_WRONG),
        (1, SelectionReason.KEPT),
        (9, SelectionReason.KEPT),  # 9/16 = 0.5625 < 0.6
        (10, SelectionReason.MEAN_TOO_HIGH),  # 10/16 = 0.625
        (16, SelectionReason.ALWAYS_RIGHT),
    ],
)
def test_low_mean_truth_table(successes: int, reason: SelectionReason) -> None:
    assert _judge(successes) is reason


def test_threshold_is_strict_unless_included() -> None:
    # 3 of 5 = 0.6 exactly
    assert _judge(3, group_size=5) is SelectionReason.MEAN_TOO_HIGH
    assert _judge(3, group_size=5, include_threshold=True) is SelectionReason.KEPT


def test_mixed_keeps_easy_turns_that_vary() -> None:
    assert _judge(15, strategy="mixed") is SelectionReason.KEPT
    assert _judge(16, strategy="mixed") is SelectionReason.ALWAYS_RIGHT


def test_all_keeps_everything() -> None:
    assert _judge(16, strategy="all") is SelectionReason.KEPT
    assert _judge(0, strategy="all") is SelectionReason.KEPT


def test_all_zero_groups_are_kept_on_request() -> None:
    assert _judge(0, keep_all_zero=True) is SelectionReason.KEPT


def test_equal_partial_rewards_are_no_variance() -> None:
    rule = SelectionRule("mixed", 0.6, False, False)

    # 0.1 is not dyadic: the variance is a rounding error, not a signal
    reason = rule.judge(compute_reward_statistics([0.1] * 3))

    assert reason is SelectionReason.CONSTANT_REWARD


@pytest.mark.parametrize("strategy", ["all", "mixed", "low_mean"])
def test_group_without_verdict_is_not_judged(strategy: str) -> None:
    rule = SelectionRule(strategy, 0.6, False, False)

    reason = rule.judge(compute_reward_statistics([None]))

    assert reason is SelectionReason.NOT_JUDGED
