"""The graph of stage 4."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.pivot_selection.nodes import select_pivots


def create_pipeline(settings: Settings | None = None) -> Pipeline:
    """`reward_statistics` → `pivots`, with a reason for every candidate.

    Args:
        settings: Take the place of the stage's own parameters.
    """
    return Pipeline(
        [
            Node(
                func=with_settings(select_pivots, parameters=settings),
                inputs={
                    "pivot_candidates": "pivot_candidates",
                    "trajectories": "trajectories",
                    "reward_statistics": "reward_statistics",
                    "parameters": "params:pivot_selection",
                },
                outputs=["pivots", "selection_report"],
                name="select_pivots",
            ),
        ]
    )
