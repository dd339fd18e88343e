"""The graph of stage 3."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.variance_computation.nodes import (
    compute_reward_statistics,
    verify_rollouts,
)


def create_pipeline() -> Pipeline:
    """`rollouts` → `verdicts` → `reward_statistics`."""
    return Pipeline(
        [
            Node(
                func=verify_rollouts,
                inputs={
                    "rollouts": "rollouts",
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "parameters": "params:variance_computation",
                },
                outputs="verdicts",
                name="verify_rollouts",
            ),
            Node(
                func=compute_reward_statistics,
                inputs="verdicts",
                outputs="reward_statistics",
                name="compute_reward_statistics",
            ),
        ]
    )
