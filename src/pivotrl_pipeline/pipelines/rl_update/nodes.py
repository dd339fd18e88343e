"""Nodes of stage 5."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.policies.fingerprint import fingerprint_engine
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import group_candidates, parse_trajectories
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl import update
from pivotrl_pipeline.rl.episode_tasks import find_training_tasks
from pivotrl_pipeline.rl.lineage import describe_lineage
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.turns import make_update_turns
from pivotrl_pipeline.sampling.episodes import ValidationTasks, take_validation_tasks
from pivotrl_pipeline.verifiers.build import build_verifier


def update_policy(
    pivots: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    checkpoints: Path,
    policy_parameters: PolicyParameters,
    verifier_parameters: VarianceComputationParameters,
    max_prompt_tokens: int,
    parameters: RLUpdateParameters,
) -> tuple[TrainedPolicy, pd.DataFrame]:
    """`trained_policy` and `training_metrics`."""
    policy = load_policy(initial_policy.location, policy_parameters)
    verifier = verifier_parameters.verifiers[pivots["verifier"].iloc[0]]
    turns = make_update_turns(
        policy,
        group_candidates(trajectories, pivot_candidates),
        pivots["candidate_id"],
        with_easy_turns=parameters.easy_turn_rate > 0,
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
        scope=f"{fingerprint_engine()} {verifier!r}",
        validation_tasks=_make_validation_tasks(
            trajectories, parameters, max_prompt_tokens
        ),
        checkpoint_folder=checkpoints,
    )
    settings = (each.model_dump(mode="json") for each in (verifier, parameters))
    lineage = describe_lineage(initial_policy, turns, *settings)
    return replace(trained, lineage=lineage), pd.DataFrame(trained.metrics)


def _make_validation_tasks(
    trajectories: pd.DataFrame, parameters: RLUpdateParameters, max_prompt_tokens: int
) -> ValidationTasks | None:
    """Of the trajectories' environment, which they must only name for these."""
    if parameters.validation_tasks == 0:
        return None
    training = find_training_tasks(parse_trajectories(trajectories).values())
    return take_validation_tasks(
        training.environment,
        tier=parameters.validation_tier,
        count=parameters.validation_tasks,
        max_new_tokens=parameters.max_new_tokens,
        max_prompt_tokens=max_prompt_tokens,
    )
