"""The graph of stage 1."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.ingestion.nodes import (
    check_demonstrations,
    ingest_trajectories,
    measure_prompts,
)


def create_pipeline() -> Pipeline:
    """`raw_trajectories` → `trajectories`, `pivot_candidates`, and what was refused."""
    return Pipeline(
        [
            Node(
                func=ingest_trajectories,
                inputs=["raw_trajectories", "raw_tools", "params:ingestion"],
                outputs={
                    "trajectories": "trajectories",
                    "candidates": "unmeasured_candidates",
                    "rejected": "rejected_trajectories",
                    "duplicates": "duplicates",
                },
                name="ingest_trajectories",
            ),
            Node(
                func=check_demonstrations,
                inputs={
                    "trajectories": "trajectories",
                    "unmeasured_candidates": "unmeasured_candidates",
                    "verifier_parameters": "params:variance_computation",
                },
                outputs="demonstration_check",
                name="check_demonstrations",
            ),
            Node(
                func=measure_prompts,
                inputs={
                    "trajectories": "trajectories",
                    "unmeasured_candidates": "unmeasured_candidates",
                    "initial_policy": "initial_policy",
                    "policy_parameters": "params:policy",
                },
                outputs="pivot_candidates",
                name="measure_prompts",
            ),
        ]
    )
