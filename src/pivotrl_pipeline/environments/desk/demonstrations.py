"""Demonstrations as rows of a trajectory file, and the tools that they share."""

from collections.abc import Mapping

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.environments.desk.transcripts import write_demonstration
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.records.messages import JsonObject, dump_json, message_to_json


def make_demonstration_rows(num_tasks_by_tier: Mapping[str, int]) -> list[JsonObject]:
    """The expert's trajectories on the demonstrations' seeds, tier by tier.

    Consecutive seeds go round all kinds of task, and then round all wordings, so a
    multiple of 40 short tasks holds each of them equally often.
    """
    desk = OrderDesk()
    tasks = [
        task
        for tier, num_tasks in num_tasks_by_tier.items()
        for task in desk.tasks(
            tier=tier, seeds=take_seeds(SeedRange.DEMONSTRATION, num_tasks)
        )
    ]
    return [_make_row(index, task) for index, task in enumerate(tasks)]


def make_tool_rows() -> list[JsonObject]:
    """The OpenAI tool entries that all trajectories share."""
    return [tool.schema for tool in DESK_TOOLS]


def render_lines(rows: list[JsonObject]) -> str:
    """JSON lines: one compact object a line."""
    return "".join(f"{dump_json(row)}\n" for row in rows)


def _make_row(index: int, task: EnvironmentTask) -> JsonObject:
    episode = write_demonstration(task)
    return {
        "trajectory_id": f"desk-{index:04d}",
        "task_id": task.task_id,
        "domain": task.domain,
        "success": episode.success,
        "messages": [message_to_json(message) for message in episode.messages],
        "metadata": {
            "environment": task.domain,
            "kind": task.kind,
            "seed": task.seed,
            **task.settings,
        },
    }
