"""The graph of stage 5."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.rl_update.nodes import update_policy


def create_pipeline(
    settings: Settings | None = None, selection: Settings | None = None
) -> Pipeline:
    """`pivots` → `trained_policy`, with the metrics of every update.

    Args:
        settings: Take the place of the stage's own parameters.
        selection: Take the place of those that pivots are selected again by.
    """
    return Pipeline(
        [
            Node(
                func=with_settings(
                    update_policy, parameters=settings, selection=selection
                ),
                inputs={
                    "pivots": "pivots",
                    "pivot_candidates": "pivot_candidates",
                    "trajectories": "trajectories",
                    "initial_policy": "initial_policy",
                    "checkpoints": "update_checkpoints",
                    "policy_parameters": "params:policy",
                    "verifier_parameters": "params:variance_computation",
                    "selection": "params:pivot_selection",
                    "max_prompt_tokens": "params:rollout_sampling.max_prompt_tokens",
                    "parameters": "params:rl_update",
                },
                outputs=["trained_policy", "training_metrics"],
                name="update_policy",
            ),
        ]
    )
