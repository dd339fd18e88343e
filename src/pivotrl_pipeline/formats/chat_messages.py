"""Checks chat messages and brings them into the one form that the tables hold.

A message that already has that form is passed on as it is, so that the common case
costs a look at its keys. Messages of other formats are converted by their format
first and checked here after.
"""

from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.records.json_text import parse_arguments
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, Role, dump_json

_ROLES = frozenset(role.value for role in Role)
_ALIASES = {"developer": Role.SYSTEM.value, "function": Role.TOOL.value}
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_OPTIONAL_TEXTS: dict[str, tuple[str, ...]] = {
    Role.SYSTEM: ("name",),
    Role.USER: ("name",),
    Role.ASSISTANT: ("name", "reasoning_content"),
    Role.TOOL: ("tool_call_id", "name"),
}


def normalise_messages(messages: object) -> list[JsonObject]:
    """The messages in canonical form, checked against each other.

    Args:
        messages: A list of OpenAI chat messages; arguments as text or as an object,
            content as text or as text parts.

    Raises:
        TrajectoryError: If they are no conversation; the message names the place as
            ``messages[i]``, 0-based.
    """
    if not isinstance(messages, list):
        raise TrajectoryError(
            f"messages is {_describe(messages)}; expected a list of chat messages: "
            f"name the right format in ingestion.format.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    result: list[JsonObject] = []
    pending: list[str | None] = []
    for index, message in enumerate(messages):
        try:
            canonical = _normalise(message)
            if canonical["role"] == "tool":
                _answer(pending, canonical.get("tool_call_id"))
            elif "tool_calls" in canonical:
                calls = cast("list[JsonObject]", canonical["tool_calls"])
                pending = [cast("str | None", call.get("id")) for call in calls]
        except TrajectoryError as error:
            place = f"messages[{index}]{error}"
            raise TrajectoryError(place, reason=error.reason) from error
        result.append(canonical)
    if not any(message["role"] == "assistant" for message in result):
        raise TrajectoryError(
            f"none of {len(result)} messages is by the assistant; a trajectory needs "
            f"at least one turn to learn from: leave the row out.",
            reason=RejectionReason.NO_ASSISTANT_TURN,
        )
    return result


def _normalise(message: object) -> JsonObject:
    if not isinstance(message, dict):
        raise _refusal(
            RejectionReason.MALFORMED_MESSAGE,
            f" is {_describe(message)}; expected an object with role and content.",
        )
    role = message.get("role")
    if isinstance(role, str):
        if role in _OPTIONAL_TEXTS and _is_canonical(message, role):
            return message
        role = _ALIASES.get(role, role)
    if not isinstance(role, str) or role not in _ROLES:
        raise _refusal(
            RejectionReason.UNKNOWN_ROLE,
            f".role is {message.get('role')!r}; expected one of "
            f"{', '.join(sorted(_ROLES))}: map it to one of these.",
        )
    return _rebuild(message, role)


def _is_canonical(message: JsonObject, role: str) -> bool:
    """True if the message needs no rewriting; every message of every row asks."""
    content = message.get("content", False)
    if not isinstance(content, str) and (content is not None or role != "assistant"):
        return False
    num_others = len(message) - 2
    if num_others and role == "assistant" and "tool_calls" in message:
        calls = message["tool_calls"]
        if not isinstance(calls, list) or not calls:
            return False
        for call in calls:
            if not _is_canonical_call(call):
                return False
        num_others -= 1
    if num_others:
        for key in _OPTIONAL_TEXTS[role]:
            if key in message:
                if not isinstance(message[key], str):
                    return False
                num_others -= 1
    return not num_others


def _is_canonical_call(call: JsonValue) -> bool:
    """True if the call needs no rewriting; its argument text is parsed to check it."""
    if not isinstance(call, dict) or call.get("type") != "function":
        return False
    function = call.get("function")
    if not isinstance(function, dict) or len(function) != 2:
        return False
    name, text = function.get("name"), function.get("arguments")
    return (
        isinstance(text, str)
        and isinstance(name, str)
        and name != ""
        and len(call) == (3 if "id" in call else 2)
        and isinstance(call.get("id", ""), str)
        and parse_arguments(text) is not None
    )


def _rebuild(message: JsonObject, role: str) -> JsonObject:
    row: JsonObject = {"role": role, "content": _to_text(message.get("content"), role)}
    reasoning = next((message[k] for k in _REASONING_KEYS if message.get(k)), None)
    if reasoning is not None and role == "assistant":
        row["reasoning_content"] = _to_text(reasoning, role)
    calls = message.get("tool_calls")
    if not calls and message.get("function_call") is not None:
        calls = [message["function_call"]]  # as OpenAI had it before tools
    if calls:
        if role != "assistant" or not isinstance(calls, list):
            raise _refusal(
                RejectionReason.MALFORMED_MESSAGE,
                f".tool_calls is {_describe(calls)} on a message by {role!r}; only an "
                f"assistant message makes calls, in a list.",
            )
        row["tool_calls"] = [_to_call(call, place) for place, call in enumerate(calls)]
    for key in ("tool_call_id", "name"):
        if message.get(key) is not None and key in _OPTIONAL_TEXTS[role]:
            row[key] = _to_identifier(message[key], key)
    return row


def _to_text(content: object, role: str) -> str | None:
    """Text, or the text of parts; an assistant message may have none."""
    if isinstance(content, str) or (content is None and role == "assistant"):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(cast("list[str]", texts))
    raise _refusal(
        RejectionReason.UNSUPPORTED_CONTENT,
        f".content is {_describe(content)}; expected text or text parts: write tool "
        f"results as JSON text, and leave out rows with images.",
    )


def _to_call(call: object, place: int) -> JsonObject:
    fields = call if isinstance(call, dict) else {}
    function = fields.get("function", fields)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name or "arguments" not in function:
        raise _refusal(
            RejectionReason.MALFORMED_CALL,
            f".tool_calls[{place}] is {_describe(call)}; expected a function with "
            f"name and arguments.",
        )
    arguments = function["arguments"]
    text = arguments if isinstance(arguments, str) else dump_json(arguments)
    if parse_arguments(text) is None:
        raise _refusal(
            RejectionReason.ARGUMENTS_NOT_JSON,
            f".tool_calls[{place}] calls {name!r} with arguments "
            f"{_shorten(text)}; expected the text of a JSON object: repair the row or "
            f"cut the trajectory before this turn.",
        )
    identifier = fields.get("id")
    return {
        **({} if identifier is None else {"id": _to_identifier(identifier, "id")}),
        "type": "function",
        "function": {"name": name, "arguments": text},
    }


def _to_identifier(value: JsonValue, key: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _refusal(
        RejectionReason.MALFORMED_MESSAGE,
        f".{key} is {_describe(value)}; expected text.",
    )


def _answer(pending: list[str | None], call_id: JsonValue) -> None:
    """Takes the answered call off the list of calls still open."""
    if not pending:
        raise _refusal(
            RejectionReason.TOOL_RESULT_WITHOUT_CALL,
            " is a tool result without a preceding tool call; each tool result must "
            "answer a call of the assistant message before it.",
        )
    if call_id is None or None in pending:
        pending.pop(0)
    elif call_id in pending:
        pending.remove(call_id)
    else:
        raise _refusal(
            RejectionReason.CALL_ID_MISMATCH,
            f".tool_call_id is {call_id!r}; the calls still open are "
            f"{', '.join(map(repr, pending))}: each tool result must name one of them.",
        )


def _refusal(reason: RejectionReason, message: str) -> TrajectoryError:
    return TrajectoryError(message, reason=reason)


def _describe(value: object) -> str:
    """A short name of what was found."""
    if value is None:
        return "missing"
    return f"the {type(value).__name__} {_shorten(repr(value))}"


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
