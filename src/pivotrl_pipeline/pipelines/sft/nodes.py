"""Nodes of supervised fine-tuning."""

from dataclasses import replace

import pandas as pd

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl import supervised
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.episode_tasks import find_validation_tasks
from pivotrl_pipeline.rl.lineage import describe_supervised_lineage
from pivotrl_pipeline.rl.supervised_turns import make_supervised_turns
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy


def train_supervised(
    sft_turns: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    checkpoints: CheckpointFolder,
    policy_parameters: PolicyParameters,
    max_prompt_tokens: int,
    parameters: SFTParameters,
) -> tuple[TrainedPolicy, pd.DataFrame]:
    """`sft_policy` and `sft_metrics`."""
    policy = load_policy(initial_policy.location, policy_parameters)
    recorded = group_candidates(trajectories, pivot_candidates)
    turns = make_supervised_turns(
        policy,
        recorded,
        sft_turns["candidate_id"],
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=parameters.max_new_tokens,
    )
    trained = supervised.train_supervised(
        policy,
        turns,
        parameters,
        source_location=initial_policy.location,
        validation_tasks=find_validation_tasks(
            (trajectory for trajectory, _ in recorded),
            tier=parameters.validation_tier,
            count=parameters.validation_tasks,
            max_new_tokens=parameters.max_new_tokens,
            max_prompt_tokens=max_prompt_tokens,
        ),
        checkpoints=checkpoints,
    )
    settings = parameters.model_dump(mode="json")
    lineage = describe_supervised_lineage(initial_policy, turns, settings, trained)
    return replace(trained, lineage=lineage), pd.DataFrame(trained.metrics)
