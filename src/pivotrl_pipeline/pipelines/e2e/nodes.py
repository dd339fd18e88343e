"""Nodes of end-to-end RL."""

from dataclasses import replace

import pandas as pd

from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import parse_trajectories
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl import end_to_end
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.episode_tasks import find_training_tasks
from pivotrl_pipeline.rl.lineage import describe_end_to_end_lineage
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.sampling.episodes import take_validation_tasks


def train_end_to_end(
    trajectories: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    checkpoints: CheckpointFolder,
    policy_parameters: PolicyParameters,
    parameters: E2EParameters,
) -> tuple[TrainedPolicy, pd.DataFrame]:
    """`e2e_policy` and `e2e_metrics`."""
    training = find_training_tasks(parse_trajectories(trajectories).values())
    validation_tasks = take_validation_tasks(
        training.environment,
        tier=parameters.validation_tier,
        count=parameters.validation_tasks,
        max_new_tokens=parameters.max_new_tokens,
        max_prompt_tokens=parameters.max_prompt_tokens,
    )
    trained = end_to_end.train_end_to_end(
        load_policy(initial_policy.location, policy_parameters),
        training,
        parameters,
        source_location=initial_policy.location,
        validation_tasks=validation_tasks,
        checkpoints=checkpoints,
    )
    settings = parameters.model_dump(mode="json")
    lineage = describe_end_to_end_lineage(initial_policy, training, settings)
    return replace(trained, lineage=lineage), pd.DataFrame(trained.metrics)
