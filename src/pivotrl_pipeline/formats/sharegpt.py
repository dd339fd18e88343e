"""ShareGPT conversations, with the tags of Hermes or calls as messages of their own.

    {"conversations": [{"from": "human", "value": "…"},
                       {"from": "gpt", "value": "<tool_call>\\n{…}\\n</tool_call>"},
                       {"from": "tool", "value": "<tool_response>…</tool_response>"}],
     "system": "…", "tools": "[…]"}

``function_call`` messages (LLaMA-Factory) hold the JSON of one call or of a list.
Turns may also say ``role`` and ``content``; calls, ids and reasoning beside the text of
either are kept.
"""

import json
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import Format, RawTrajectory, RejectionReason
from pivotrl_pipeline.formats.openai_chat import read_openai, write_openai
from pivotrl_pipeline.formats.row_fields import parse_if_text, read_tools, to_tools
from pivotrl_pipeline.formats.tagged_chat import untag_messages
from pivotrl_pipeline.formats.tagged_text import tag_message, write_hermes_call
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
_NAMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


def read_sharegpt(row: JsonObject) -> RawTrajectory:
    """The trajectory in a row.

    Raises:
        TrajectoryError: If the row holds no conversation.
    """
    turns = parse_if_text(row.get("conversations"), "conversations")
    if not isinstance(turns, list):
        raise TrajectoryError(
            f"conversations is {type(turns).__name__}; expected a list.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    messages = [_read_turn(turn, index) for index, turn in enumerate(turns)]
    if isinstance(row.get("system"), str) and row["system"]:
        messages.insert(0, {"role": "system", "content": row["system"]})
    tools = to_tools(read_tools(row.get("tools") or None))
    untagged = untag_messages(cast("list[JsonValue]", messages), tools)
    rest = {k: v for k, v in row.items() if k not in ("conversations", "system")}
    return read_openai(
        {
            **rest,
            "tools": row.get("tools") or None,
            "messages": cast("JsonValue", untagged),
        }
    )


def write_sharegpt(trajectory: RawTrajectory) -> JsonObject:
    """The row of a trajectory, calls in Hermes tags."""
    row = write_openai(trajectory)
    del row["messages"]
    messages = [tag_message(m, write_hermes_call) for m in trajectory.messages]
    row["conversations"] = [
        {"from": _NAMES[cast("str", m["role"])], "value": m["content"]}
        for m in messages
    ]
    return row


def _read_turn(turn: JsonValue, index: int) -> JsonObject:
    fields = turn if isinstance(turn, dict) else {}
    name = fields.get("from", fields.get("role"))
    value = fields.get("value", fields.get("content"))
    rest = {key: fields[key] for key in fields if key not in ("from", "value")}
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise TrajectoryError(
            f"conversations[{index}].from is {name!r}; expected one of "
            f"{', '.join(sorted(_ROLES))}.",
            reason=RejectionReason.UNKNOWN_ROLE,
        )
    if name == "function_call" and isinstance(value, str):
        return {**rest, **_read_call_turn(value, index)}
    return {**rest, "role": role, "content": value}


def _read_call_turn(value: str, index: int) -> JsonObject:
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise TrajectoryError(
            f"conversations[{index}].value is no JSON ({error}); expected a call or "
            f"a list of calls.",
            reason=RejectionReason.MALFORMED_CALL,
        ) from error
    calls = parsed if isinstance(parsed, list) else [parsed]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _is_sharegpt(row: JsonObject) -> bool:
    return "conversations" in row


SHAREGPT = Format("sharegpt", read_sharegpt, write_sharegpt, _is_sharegpt)
