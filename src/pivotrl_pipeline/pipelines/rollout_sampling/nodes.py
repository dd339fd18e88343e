"""Nodes of stage 2."""

import pandas as pd

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.rollout_sampling import RolloutSamplingParameters
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.fingerprint import describe_arithmetic
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import (
    group_candidates,
    records_to_table,
    rollouts_to_table,
)
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.sampling import rollouts
from pivotrl_pipeline.sampling.rollout_store import RolloutStore


def sample_rollouts(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    rollout_store: RolloutStore,
    policy_parameters: PolicyParameters,
    parameters: RolloutSamplingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`rollouts`, K actions of the frozen initial policy at every candidate.

    And `sampling_cost`. Samples that the store keeps from another
    ``policy.max_tokens_in_flight`` are taken, so that a run that ran out of memory goes
    on with less; they may differ by rounding from what would be sampled now.
    """
    policy = load_policy(initial_policy.location, policy_parameters)
    sampling = SamplingSettings(
        parameters.temperature, parameters.top_p, parameters.max_new_tokens
    )
    sampled, cost = rollouts.sample_rollouts(
        policy,
        group_candidates(trajectories, pivot_candidates),
        rollouts.ProfilingSettings(
            sampling,
            parameters.num_rollouts,
            parameters.max_prompt_tokens,
            parameters.seed,
        ),
        rollout_store,
        scope=f"{initial_policy.fingerprint} {rollout_store.engine} "
        f"{describe_arithmetic(policy.model)} {sampling}",
    )
    return rollouts_to_table(sampled), records_to_table([cost])
