"""The graph of stage 2."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.rollout_sampling.nodes import sample_rollouts


def create_pipeline(settings: Settings | None = None) -> Pipeline:
    """`pivot_candidates` → `rollouts`, with what they cost.

    Samples of earlier runs come from the store.

    Args:
        settings: Take the place of the stage's own parameters.
    """
    return Pipeline(
        [
            Node(
                func=with_settings(sample_rollouts, parameters=settings),
                inputs={
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "initial_policy": "initial_policy",
                    "rollout_store": "rollout_store",
                    "policy_parameters": "params:policy",
                    "parameters": "params:rollout_sampling",
                },
                outputs=["rollouts", "sampling_cost"],
                name="sample_rollouts",
            ),
        ]
    )
