"""From statistics to pivots, with a reason for every candidate."""

import pandas as pd

from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.records.trajectories import Split
from pivotrl_pipeline.selection.statistics import (
    RewardStatistics,
    parse_reward_statistics,
)
from pivotrl_pipeline.selection.strategies import SelectionReason, SelectionRule

UNIFORM_WEIGHT = 1.0

CANDIDATE_KEYS = ["candidate_id", "trajectory_id", "turn_index", "message_index"]
STATISTICS = ["num_rollouts", "reward_mean", "reward_variance", "num_excluded"]
PIVOT_COLUMNS = [*CANDIDATE_KEYS, "verifier", *STATISTICS, "weight"]
REPORT_COLUMNS = [
    "candidate_id",
    "verifier",
    "is_pivot",
    "reason",
    "reward_mean",
    "reward_variance",
]


def select_pivots(
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    *,
    verifier: str,
    rule: SelectionRule,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The candidates that ``rule`` keeps, and why the others were dropped.

    Candidates of held-out tasks are never pivots.

    Returns:
        The tables `pivots` and `selection_report`.

    Raises:
        ConfigurationError: If ``verifier`` judged nothing, or nothing is kept.
    """
    known = set(reward_statistics["verifier"])
    if verifier not in known:
        raise ConfigurationError(
            f"pivot_selection.verifier is {verifier!r}, which judged no rollout; "
            f"{describe_choices(verifier, known)}"
        )
    judged = reward_statistics[reward_statistics["verifier"] == verifier]
    report = pivot_candidates[CANDIDATE_KEYS].merge(
        judged.drop(columns="verifier"), on="candidate_id", how="left"
    )
    counts = ["num_rollouts", "num_excluded"]
    report[counts] = report[counts].fillna(0).astype("int64")
    splits = report["trajectory_id"].map(
        trajectories.set_index("trajectory_id")["split"]
    )
    reasons = [
        _judge(rule, split, statistics)
        for split, statistics in zip(
            splits, parse_reward_statistics(report), strict=True
        )
    ]
    report = report.assign(
        verifier=verifier,
        reason=[reason.value for reason in reasons],
        is_pivot=[reason is SelectionReason.KEPT for reason in reasons],
    )
    if not report["is_pivot"].any():
        raise ConfigurationError(_describe_empty(report, rule))
    kept = report[report["is_pivot"]].reset_index(drop=True)
    pivots = kept.assign(weight=UNIFORM_WEIGHT)[PIVOT_COLUMNS]
    return pivots, report[REPORT_COLUMNS]


def _judge(
    rule: SelectionRule, split: str, statistics: RewardStatistics
) -> SelectionReason:
    if split == Split.VALIDATION:
        return SelectionReason.VALIDATION_SPLIT
    return rule.judge(statistics)


def _describe_empty(report: pd.DataFrame, rule: SelectionRule) -> str:
    counts = report["reason"].value_counts()
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return (
        f"pivot_selection: strategy {rule.strategy!r} with low_mean_threshold "
        f"{rule.low_mean_threshold} keeps none of {len(report):,} candidates "
        f"({listed}); expected at least one: raise the threshold or num_rollouts, "
        f"choose another strategy, or look at the verifier's reasons in `verdicts`."
    )
