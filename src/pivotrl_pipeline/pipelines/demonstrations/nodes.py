"""Nodes that write the order desk's trajectories."""

from pivotrl_pipeline.environments.desk.demonstrations import (
    make_demonstration_rows,
    make_tool_rows,
    render_lines,
)
from pivotrl_pipeline.parameters.demonstrations import DemonstrationsParameters


def write_demonstrations(
    parameters: DemonstrationsParameters,
) -> tuple[str, object]:
    """`order_desk_trajectories` as JSON lines, and `order_desk_tools`."""
    rows = make_demonstration_rows(parameters.num_tasks_by_tier)
    return render_lines(rows), make_tool_rows()
