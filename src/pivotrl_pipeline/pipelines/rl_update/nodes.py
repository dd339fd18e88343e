"""Nodes of stage 5."""

from dataclasses import replace

import pandas as pd

from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl import update
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.episode_tasks import find_validation_tasks
from pivotrl_pipeline.rl.lineage import describe_lineage
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.turns import make_update_turns
from pivotrl_pipeline.selection.strategies import make_rule
from pivotrl_pipeline.verifiers.build import build_verifier


def update_policy(
    pivots: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    checkpoints: CheckpointFolder,
    policy_parameters: PolicyParameters,
    verifier_parameters: VarianceComputationParameters,
    selection: PivotSelectionParameters,
    max_prompt_tokens: int,
    parameters: RLUpdateParameters,
) -> tuple[TrainedPolicy, pd.DataFrame]:
    """`trained_policy` and `training_metrics`."""
    policy = load_policy(initial_policy.location, policy_parameters)
    verifier = verifier_parameters.verifiers[pivots["verifier"].iloc[0]]
    recorded = group_candidates(trajectories, pivot_candidates)
    turns = make_update_turns(
        policy,
        recorded,
        pivots["candidate_id"],
        with_easy_turns=parameters.easy_turn_rate + parameters.reprofile_below > 0,
        num_heldout=parameters.heldout_turns,
        max_prompt_tokens=max_prompt_tokens,
        seed=parameters.seed,
    )
    trained = update.update_policy(
        policy,
        turns,
        build_verifier(verifier),
        parameters,
        source_location=initial_policy.location,
        verifier_settings=repr(verifier),
        rule=make_rule(selection),
        validation_tasks=find_validation_tasks(
            (trajectory for trajectory, _ in recorded),
            tier=parameters.validation_tier,
            count=parameters.validation_tasks,
            max_new_tokens=parameters.max_new_tokens,
            max_prompt_tokens=max_prompt_tokens,
        ),
        checkpoints=checkpoints,
    )
    settings = (each.model_dump(mode="json") for each in (verifier, parameters))
    lineage = describe_lineage(initial_policy, turns, *settings)
    return replace(trained, lineage=lineage), pd.DataFrame(trained.metrics)
