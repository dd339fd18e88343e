"""Messages, tool calls, tools and actions: the OpenAI chat message as a record.

Tool-call arguments are kept twice: as the text that was recorded or sampled, and
parsed. The text is what a round trip must preserve; the value is what is compared.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, cast

from pivotrl_pipeline.errors import TrajectoryError

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


def parse_arguments(text: str) -> JsonObject | None:
    """The JSON object in ``text``; None where it is anything else (NaN included)."""
    stripped = text.strip(" \t\n\r")
    try:
        value, end = _DECODER.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and end == len(stripped) else None


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


def message_from_json(row: JsonObject) -> Message:
    """The inverse of `message_to_json`.

    Raises:
        TrajectoryError: If the role is unknown.
    """
    try:
        role = Role(cast("str", row.get("role")))
    except ValueError as error:
        raise TrajectoryError(
            f"role is {row.get('role')!r}; expected one of "
            f"{', '.join(sorted(Role))}: map it to one of these before ingestion.",
            reason="unknown_role",
        ) from error
    calls = cast("list[JsonObject]", row.get("tool_calls") or [])
    return Message(
        role,
        content=cast("str | None", row.get("content")),
        tool_calls=tuple(_call_from_json(call) for call in calls),
        tool_call_id=cast("str | None", row.get("tool_call_id")),
        name=cast("str | None", row.get("name")),
        reasoning=cast("str | None", row.get("reasoning_content")),
    )


def _call_from_json(row: JsonObject) -> ToolCall:
    function = cast("JsonObject", row["function"])
    return make_tool_call(
        cast("str", function["name"]),
        cast("str | JsonObject", function["arguments"]),
        cast("str | None", row.get("id")),
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


# json.loads and json.dumps with options build one of these on every call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
