"""Nodes of stage 3."""

import pandas as pd

from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.records.frames import (
    group_candidates,
    parse_rollouts,
    records_to_table,
)
from pivotrl_pipeline.selection import statistics, verification
from pivotrl_pipeline.verifiers.build import build_verifiers


def verify_rollouts(
    rollouts: pd.DataFrame,
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    parameters: VarianceComputationParameters,
) -> pd.DataFrame:
    """`verdicts`: what each verifier says of each rollout."""
    judged = verification.verify_rollouts(
        parse_rollouts(rollouts),
        group_candidates(trajectories, pivot_candidates),
        build_verifiers(parameters.verifiers),
    )
    return records_to_table(judged)


def compute_reward_statistics(verdicts: pd.DataFrame) -> pd.DataFrame:
    """`reward_statistics`: mean and population variance of each rollout group."""
    return statistics.summarise_verdicts(verdicts)
