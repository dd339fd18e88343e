"""Whole runs as NeMo-Gym collects them: a Responses request, its output, a reward.

{"responses_create_params": {"input": […], "tools": […]},
 "response": {"output": […]}, "reward": 1.0}
"""

from typing import cast

from pivotrl_pipeline.formats.base import Format, RawTrajectory
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.responses_items import (
    items_to_messages,
    messages_to_items,
)
from pivotrl_pipeline.formats.row_fields import (
    collect_metadata,
    read_identifier,
    read_success,
    read_tools,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_ID_KEYS = ("trajectory_id", "id", "uuid")
_KEYS = (*_ID_KEYS, "task_id", "domain", "responses_create_params", "response")


def read_nemo_gym_run(row: JsonObject) -> RawTrajectory:
    """The trajectory of a run.

    Raises:
        TrajectoryError: If request and output make no conversation.
    """
    request, response = read_request(row), row.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    messages = [
        *read_request_messages(request),
        *items_to_messages(output, "response.output"),
    ]
    return RawTrajectory(
        messages=normalise_messages(messages),
        tools=read_tools(request.get("tools"), "responses_create_params.tools"),
        trajectory_id=read_identifier(row, _ID_KEYS),
        task_id=read_identifier(row, ("task_id",)),
        domain=read_identifier(row, ("domain",)),
        success=read_success(row),
        metadata=collect_metadata(row, _KEYS),
    )


def write_nemo_gym_run(trajectory: RawTrajectory) -> JsonObject:
    """The row of a run: the output begins with the first assistant message."""
    roles = [message["role"] for message in trajectory.messages]
    first = roles.index("assistant")
    row: JsonObject = {
        "responses_create_params": make_request(
            trajectory.messages[:first], trajectory.tools
        ),
        "response": {
            "output": cast("JsonValue", messages_to_items(trajectory.messages[first:]))
        },
        **trajectory.metadata,
    }
    optional = {
        "trajectory_id": trajectory.trajectory_id,
        "task_id": trajectory.task_id,
        "domain": trajectory.domain,
    }
    row.update({key: value for key, value in optional.items() if value is not None})
    if trajectory.success is not None:
        row.setdefault("reward", float(trajectory.success))
    return row


def read_request(row: JsonObject) -> JsonObject:
    """The request's parameters; empty where there are none."""
    request = row.get("responses_create_params")
    return request if isinstance(request, dict) else {}


def read_request_messages(request: JsonObject) -> list[JsonObject]:
    """The messages of a request, its instructions first.

    Raises:
        TrajectoryError: If its input is no list of items.
    """
    messages = items_to_messages(request.get("input"), "responses_create_params.input")
    instructions = request.get("instructions")
    if instructions is None:
        return messages
    return [{"role": "system", "content": instructions}, *messages]


def make_request(
    messages: list[JsonObject], tools: list[JsonObject] | None
) -> JsonObject:
    """Request parameters of a state; tools in the flat form."""
    request: JsonObject = {"input": cast("JsonValue", messages_to_items(messages))}
    if tools is not None:
        request["tools"] = [
            {"type": "function", **cast("JsonObject", tool["function"])}
            for tool in tools
        ]
    return request


def _is_nemo_gym_run(row: JsonObject) -> bool:
    return "responses_create_params" in row and "response" in row


NEMO_GYM_RUNS = Format(
    "nemo_gym_runs", read_nemo_gym_run, write_nemo_gym_run, _is_nemo_gym_run
)
