"""Reward statistics of rollout groups.

Source: arXiv 2603.21383, section 3: mean and population variance over the K rollouts.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class RewardStatistics:
    """What one verifier saw in one candidate's rollout group."""

    num_rollouts: int
    """Judged rollouts: those that count in mean and variance."""
    num_excluded: int
    """Rollouts that failed or that the verifier could not judge."""
    reward_mean: float | None
    """None where nothing was judged."""
    reward_variance: float | None
    """Population variance (divided by ``num_rollouts``); None as above."""


def compute_reward_statistics(rewards: Sequence[float | None]) -> RewardStatistics:
    """Mean and population variance of the rewards of one group.

    Args:
        rewards: One per rollout, in [0, 1]; None where the rollout is excluded.
    """
    judged = [reward for reward in rewards if reward is not None]
    if not judged:
        return RewardStatistics(0, len(rewards), None, None)
    mean = sum(judged) / len(judged)
    variance = sum((reward - mean) ** 2 for reward in judged) / len(judged)
    return RewardStatistics(len(judged), len(rewards) - len(judged), mean, variance)


def summarise_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The table `reward_statistics`: one row per candidate and verifier."""
    groups = verdicts.groupby(["candidate_id", "verifier"], sort=False)["reward"]
    rows = [
        {"candidate_id": candidate_id, "verifier": verifier}
        | dataclasses.asdict(
            compute_reward_statistics(
                [None if pd.isna(reward) else float(reward) for reward in rewards]
            )
        )
        for (candidate_id, verifier), rewards in groups
    ]
    columns = ["num_rollouts", "reward_mean", "reward_variance", "num_excluded"]
    table = pd.DataFrame(rows, columns=["candidate_id", "verifier", *columns])
    floats = {"reward_mean": "float64", "reward_variance": "float64"}
    return table.astype(floats)


def parse_reward_statistics(table: pd.DataFrame) -> list[RewardStatistics]:
    """The rows of a table with these columns as records, in their order."""
    return [
        RewardStatistics(
            row["num_rollouts"],
            row["num_excluded"],
            None if pd.isna(row["reward_mean"]) else row["reward_mean"],
            None if pd.isna(row["reward_variance"]) else row["reward_variance"],
        )
        for row in table.to_dict("records")
    ]
