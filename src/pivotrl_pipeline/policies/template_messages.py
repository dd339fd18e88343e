"""Messages in the form that chat templates of transformers take."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.records.messages import (
    JsonObject,
    Message,
    Role,
    ToolCall,
)

Reasoning: TypeAlias = Literal["keep_all", "since_last_user", "drop"]

TOOL_CALLS = "tool calls"
SEVERAL_CALLS = "several tool calls in one turn"
TEXT_BESIDE_CALLS = "text beside a tool call"
TOOL_RESULTS = "tool results"
SEVERAL_RESULTS = "several tool results in a row"
SYSTEM_MESSAGES = "system messages"
LATE_REASONING = "reasoning since the last user message"
EARLY_REASONING = "reasoning before the last user message"


def convert_messages(
    messages: Sequence[Message], *, with_objects: bool
) -> list[JsonObject]:
    """Messages for `apply_chat_template`.

    Absent text is '', which every template takes. A tool result without a name gets
    that of the call it answers, since some templates print it.

    Args:
        messages: Of a state.
        with_objects: Whether arguments are given parsed, or as their text.

    Raises:
        PolicyError: If arguments are to be objects and one is none.
    """
    names: dict[str | None, str] = {
        call.call_id: call.name
        for message in messages
        for call in message.tool_calls
        if call.call_id is not None
    }
    return [_convert_message(message, names, with_objects) for message in messages]


def select_reasoning(
    messages: Sequence[Message], reasoning: Reasoning
) -> list[Message]:
    """Messages without the reasoning that is not to be shown again."""
    last_user = _find_last_user(messages)
    return [
        message
        if reasoning == "keep_all"
        or (reasoning == "since_last_user" and index > last_user)
        else replace(message, reasoning=None)
        for index, message in enumerate(messages)
    ]


def find_contents(messages: Sequence[Message]) -> set[str]:
    """What a template has to render of these messages, beside plain text."""
    last_user = _find_last_user(messages)
    found: set[str] = set()
    previous: Role | None = None
    for index, message in enumerate(messages):
        if message.role is Role.SYSTEM:
            found.add(SYSTEM_MESSAGES)
        if message.role is Role.TOOL:
            found.add(SEVERAL_RESULTS if previous is Role.TOOL else TOOL_RESULTS)
        if message.tool_calls:
            found.add(TOOL_CALLS)
            found |= {SEVERAL_CALLS} if len(message.tool_calls) > 1 else set()
            found |= {TEXT_BESIDE_CALLS} if message.content else set()
        if message.reasoning:
            found.add(LATE_REASONING if index > last_user else EARLY_REASONING)
        previous = message.role
    return found


def _find_last_user(messages: Sequence[Message]) -> int:
    return max((i for i, m in enumerate(messages) if m.role is Role.USER), default=-1)


def _convert_message(
    message: Message, names: dict[str | None, str], with_objects: bool
) -> JsonObject:
    row: JsonObject = {"role": message.role.value, "content": message.content or ""}
    if message.tool_calls:
        row["tool_calls"] = [
            _convert_call(call, with_objects) for call in message.tool_calls
        ]
    name = message.name
    if message.role is Role.TOOL:
        name = name or names.get(message.tool_call_id)
    optional = {
        "name": name,
        "tool_call_id": message.tool_call_id,
        "reasoning_content": message.reasoning,
    }
    row.update({key: value for key, value in optional.items() if value is not None})
    return row


def _convert_call(call: ToolCall, with_objects: bool) -> JsonObject:
    if with_objects and call.arguments is None:
        raise PolicyError(
            f"the arguments of a call of {call.name!r} are {call.arguments_text!r}, "
            "not a JSON object, which the chat template needs; leave such "
            "trajectories out."
        )
    function: JsonObject = {
        "name": call.name,
        "arguments": call.arguments if with_objects else call.arguments_text,
    }
    identity: JsonObject = {} if call.call_id is None else {"id": call.call_id}
    return {**identity, "type": "function", "function": function}
