"""TRL and Hugging Face conversational rows: OpenAI messages with argument objects.

    {"messages": [{"role": "assistant", "tool_calls": [{"type": "function",
      "function": {"name": "f", "arguments": {"a": 1}}}]}, …], "tools": […]}

or ``prompt`` and ``completion`` in place of ``messages``. Objects are what chat
templates want; as Arrow columns they gain nulls, which is undone when rows are read.

Source: TRL's documentation, "Dataset formats and types".
"""

import json
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import Format, RawTrajectory, RejectionReason
from pivotrl_pipeline.formats.openai_chat import read_openai, write_openai
from pivotrl_pipeline.formats.row_fields import parse_if_text
from pivotrl_pipeline.records.messages import JsonObject, JsonValue


def read_trl(row: JsonObject) -> RawTrajectory:
    """The trajectory in a row.

    Raises:
        TrajectoryError: If the row holds no conversation.
    """
    if "messages" in row:
        return read_openai(row)
    prompt = parse_if_text(row.get("prompt"), "prompt")
    completion = parse_if_text(row.get("completion"), "completion")
    if not isinstance(prompt, list) or not isinstance(completion, list):
        raise TrajectoryError(
            "neither messages nor a prompt and a completion are lists; expected one "
            "of the two.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    rest = {key: row[key] for key in row.keys() - {"prompt", "completion"}}
    return read_openai({**rest, "messages": [*prompt, *completion]})


def write_trl(trajectory: RawTrajectory) -> JsonObject:
    """The row with ``messages``; arguments as objects."""
    messages = [to_trl_message(message) for message in trajectory.messages]
    return {**write_openai(trajectory), "messages": cast("JsonValue", messages)}


def to_trl_message(message: JsonObject) -> JsonObject:
    """A canonical message with its arguments parsed."""
    calls = cast("list[JsonObject]", message.get("tool_calls"))
    if not calls:
        return message
    return {**message, "tool_calls": [_parse_call(call) for call in calls]}


def _parse_call(call: JsonObject) -> JsonObject:
    function = cast("dict[str, str]", call["function"])
    arguments = json.loads(function["arguments"])
    return {**call, "function": {"name": function["name"], "arguments": arguments}}


def _is_trl(row: JsonObject) -> bool:
    if isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
        return True
    messages = row.get("messages")
    return isinstance(messages, list) and any(map(_has_argument_object, messages))


def _has_argument_object(message: JsonValue) -> bool:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    functions = (
        [call.get("function") for call in calls or () if isinstance(call, dict)]
        if isinstance(calls, list)
        else []
    )
    return any(
        isinstance(function, dict) and isinstance(function.get("arguments"), dict)
        for function in functions
    )


TRL = Format("trl", read_trl, write_trl, _is_trl)
