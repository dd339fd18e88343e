"""The graph of stage 4."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.pivot_selection.nodes import select_pivots


def create_pipeline() -> Pipeline:
    """`reward_statistics` → `pivots`, with a reason for every candidate."""
    return Pipeline(
        [
            Node(
                func=select_pivots,
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
