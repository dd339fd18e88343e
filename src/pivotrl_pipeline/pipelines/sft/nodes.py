"""Nodes of supervised fine-tuning."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.policies.fingerprint import fingerprint_engine
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl import supervised
from pivotrl_pipeline.rl.lineage import describe_supervised_lineage
from pivotrl_pipeline.rl.supervised_turns import make_supervised_turns
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.sampling.episodes import ValidationTasks


def train_supervised(
    sft_turns: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    checkpoints: Path,
    policy_parameters: PolicyParameters,
    max_prompt_tokens: int,
    parameters: SFTParameters,
) -> tuple[TrainedPolicy, pd.DataFrame]:
    """`sft_policy` and `sft_metrics`."""
    policy = load_policy(initial_policy.location, policy_parameters)
    turns = make_supervised_turns(
        policy,
        group_candidates(trajectories, pivot_candidates),
        sft_turns["candidate_id"],
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=parameters.max_new_tokens,
    )
    trained = supervised.train_supervised(
        policy,
        turns,
        parameters,
        source_location=initial_policy.location,
        scope=fingerprint_engine(),
        validation_tasks=_make_validation_tasks(parameters, max_prompt_tokens),
        checkpoint_folder=checkpoints,
    )
    lineage = describe_supervised_lineage(
        initial_policy, turns, parameters.model_dump(mode="json")
    )
    metrics = pd.DataFrame(trained.metrics)
    return replace(trained, lineage={**lineage, **trained.lineage}), metrics


def _make_validation_tasks(
    parameters: SFTParameters, max_prompt_tokens: int
) -> ValidationTasks | None:
    if parameters.validation_tasks == 0:
        return None
    seeds = take_seeds(SeedRange.VALIDATION, parameters.validation_tasks)
    world = OrderDesk()
    return ValidationTasks(
        world,
        tuple(world.tasks(tier=parameters.validation_tier, seeds=seeds)),
        parameters.max_new_tokens,
        max_prompt_tokens,
    )
