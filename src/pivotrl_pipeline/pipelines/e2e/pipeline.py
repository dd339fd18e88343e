"""The graph of end-to-end RL."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.e2e.nodes import train_end_to_end


def create_pipeline(settings: Settings | None = None) -> Pipeline:
    """The tasks of `trajectories` → `e2e_policy`, with the metrics of every update.

    Args:
        settings: Take the place of the pipeline's own parameters.
    """
    return Pipeline(
        [
            Node(
                func=with_settings(train_end_to_end, parameters=settings),
                inputs={
                    "trajectories": "trajectories",
                    "initial_policy": "initial_policy",
                    "checkpoints": "e2e_checkpoints",
                    "policy_parameters": "params:policy",
                    "parameters": "params:e2e",
                },
                outputs=["e2e_policy", "e2e_metrics"],
                name="train_end_to_end",
            ),
        ]
    )
