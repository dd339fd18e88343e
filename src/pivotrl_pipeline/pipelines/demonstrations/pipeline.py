"""The graph that writes the order desk's trajectories."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.demonstrations.nodes import write_demonstrations


def create_pipeline() -> Pipeline:
    """The expert's `order_desk_trajectories`, byte for byte the same each time."""
    return Pipeline(
        [
            Node(
                func=write_demonstrations,
                inputs="params:demonstrations",
                outputs=["order_desk_trajectories", "order_desk_tools"],
                name="write_demonstrations",
            ),
        ]
    )
