"""The graph of stage 1."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.ingestion.nodes import ingest_trajectories


def create_pipeline() -> Pipeline:
    """`raw_trajectories` → `trajectories`, `pivot_candidates`, and what was refused."""
    return Pipeline(
        [
            Node(
                func=ingest_trajectories,
                inputs=["raw_trajectories", "raw_tools", "params:ingestion"],
                outputs=["trajectories", "pivot_candidates", "rejected_trajectories"],
                name="ingest_trajectories",
            ),
        ]
    )
