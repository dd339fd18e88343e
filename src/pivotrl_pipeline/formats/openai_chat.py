"""OpenAI chat messages, one trajectory a row.

    {"messages": [{"role": "user", "content": "…"}, …], "tools": […],
     "trajectory_id": "…", "task_id": "…", "domain": "…", "success": true}

Only ``messages`` is needed. Arguments are text or an object; calls may be parallel.
"""

from typing import cast

from pivotrl_pipeline.formats.base import Format, RawTrajectory
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.row_fields import (
    collect_metadata,
    parse_if_text,
    read_identifier,
    read_success,
    read_tools,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_ID_KEYS = ("trajectory_id", "id", "uuid")
_KEYS = (*_ID_KEYS, "task_id", "domain", "messages", "tools", "success")


def read_openai(row: JsonObject) -> RawTrajectory:
    """The trajectory in a row.

    Raises:
        TrajectoryError: If the row holds no conversation.
    """
    return RawTrajectory(
        messages=normalise_messages(parse_if_text(row.get("messages"), "messages")),
        tools=read_tools(row.get("tools")),
        trajectory_id=read_identifier(row, _ID_KEYS),
        task_id=read_identifier(row, ("task_id",)),
        domain=read_identifier(row, ("domain",)),
        success=read_success(row),
        metadata=collect_metadata(row, _KEYS),
    )


def write_openai(trajectory: RawTrajectory) -> JsonObject:
    """The row of a trajectory; absent fields are left out."""
    optional = {
        "trajectory_id": trajectory.trajectory_id,
        "task_id": trajectory.task_id,
        "domain": trajectory.domain,
        "tools": cast("JsonValue", trajectory.tools),
        "success": trajectory.success,
        "metadata": trajectory.metadata or None,
    }
    row: JsonObject = {
        key: value for key, value in optional.items() if value is not None
    }
    row["messages"] = cast("JsonValue", trajectory.messages)
    return row


def _is_openai(row: JsonObject) -> bool:
    return "messages" in row


OPENAI = Format("openai", read_openai, write_openai, _is_openai)
