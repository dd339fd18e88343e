"""Messages, tool calls, tools and actions: the OpenAI chat message as a record.

Tool-call arguments are kept twice: as the text that was recorded or sampled, and
parsed. The text is what a round trip must preserve; the value is what is compared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.records.json_text import parse_arguments

JsonValue: TypeAlias = (
    "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
)
JsonObject: TypeAlias = dict[str, JsonValue]


class Role(StrEnum):
    """Who wrote a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ActionType(StrEnum):
    """What an action does; decides which verifier judges it."""

    TOOL_CALL = "tool_call"
    """One or more tool calls, with or without text beside them."""
    MESSAGE = "message"
    """Text alone."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of one tool."""

    name: str
    arguments_text: str
    """The arguments as recorded or sampled, byte for byte."""
    arguments: JsonObject | None
    """The same, parsed; None where the text is not a JSON object."""
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Role
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """On a tool message: the call that it answers."""
    name: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool that the policy may call."""

    name: str
    schema: JsonObject
    """The whole OpenAI entry: ``{"type": "function", "function": {...}}``."""

    @property
    def parameters(self) -> JsonObject:
        """The JSON Schema of the arguments; empty where the tool declares none."""
        function = cast("JsonObject", self.schema["function"])
        return cast("JsonObject", function.get("parameters") or {})


@dataclass(frozen=True, slots=True)
class Action:
    """One assistant output at a turn."""

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    parse_error: str | None = None
    """Why sampled text is no action (unclosed tag, broken JSON); None if it is one."""

    @property
    def action_type(self) -> ActionType:
        """TOOL_CALL as soon as there is one call."""
        return ActionType.TOOL_CALL if self.tool_calls else ActionType.MESSAGE

    def to_message(self) -> Message:
        """The assistant message that this action appends to the history."""
        return Message(
            Role.ASSISTANT,
            content=self.content,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
        )

    @classmethod
    def from_message(cls, message: Message) -> "Action":
        """The action of a recorded assistant message."""
        return cls(message.content, message.tool_calls, message.reasoning)


def make_tool_call(
    name: str, arguments: str | JsonObject, call_id: str | None = None
) -> ToolCall:
    """A call from argument text or from a parsed object."""
    if isinstance(arguments, str):
        return ToolCall(name, arguments, parse_arguments(arguments), call_id)
    return ToolCall(name, dump_json(arguments), arguments, call_id)


def dump_json(value: object) -> str:
    """Compact ASCII JSON: safe in a UTF-8 column whatever the strings hold."""
    return _ENCODER.encode(value)


def message_to_json(message: Message) -> JsonObject:
    """The OpenAI chat message; absent fields are left out."""
    row: JsonObject = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        row["tool_calls"] = [
            {
                **({"id": call.call_id} if call.call_id is not None else {}),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_text},
            }
            for call in message.tool_calls
        ]
    optional = {
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "reasoning_content": message.reasoning,
    }
    row.update({key: value for key, value in optional.items() if value is not None})
    return row


def message_from_json(row: Mapping[str, Any]) -> Message:
    """The inverse of `message_to_json`.

    Raises:
        TrajectoryError: If the role is unknown.
    """
    role = _ROLES.get(str(row.get("role")))
    if role is None:
        raise TrajectoryError(
            f"role is {row.get('role')!r}; expected one of "
            f"{', '.join(sorted(Role))}: map it to one of these before ingestion.",
            reason="unknown_role",
        )
    calls = row.get("tool_calls")
    return Message(
        role,
        row.get("content"),
        tuple(map(_call_from_json, calls)) if calls else (),
        row.get("tool_call_id"),
        row.get("name"),
        row.get("reasoning_content"),
    )


def _call_from_json(row: Mapping[str, Any]) -> ToolCall:
    function = row["function"]
    return make_tool_call(function["name"], function["arguments"], row.get("id"))


_ROLES = {role.value: role for role in Role}
# json.dumps with options builds one of these on every call.
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
