"""Nodes of stage 2."""

import pandas as pd

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.rollout_sampling import RolloutSamplingParameters
from pivotrl_pipeline.records.frames import group_candidates, rollouts_to_table
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.sampling import profiling
from pivotrl_pipeline.sampling.rollout_store import RolloutStore


def sample_rollouts(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    rollout_store: RolloutStore,
    policy_parameters: PolicyParameters,
    parameters: RolloutSamplingParameters,
) -> pd.DataFrame:
    """`rollouts`: K actions of the frozen initial policy at every candidate."""
    rollouts = profiling.profile_policy(
        initial_policy,
        group_candidates(trajectories, pivot_candidates),
        rollout_store,
        policy_parameters,
        parameters,
    )
    return rollouts_to_table(rollouts)
