"""Items of OpenAI's Responses API to chat messages and back.

A response is a flat list: reasoning, messages and calls are items of their own. Here
an assistant message is what stands together: reasoning, then at most one message, then
the calls. Reasoning behind a message or a call, and a message behind either, begin the
next.

Source: OpenAI's Responses API as NVIDIA-NeMo/Gym writes it into its rows.
"""

from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.records.messages import JsonObject, JsonValue


def items_to_messages(items: JsonValue, key: str) -> list[JsonObject]:
    """Chat messages of a list of items; what they hold is not checked here.

    Args:
        items: Input or output items; a plain text is one user message.
        key: Where they stand, for the message of an error.

    Raises:
        TrajectoryError: If an item is of no known type.
    """
    if isinstance(items, str):
        return [{"role": "user", "content": items}]
    if not isinstance(items, list):
        raise TrajectoryError(
            f"{key} is {type(items).__name__}; expected a list of items.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    messages: list[JsonObject] = []
    is_open = False
    for index, item in enumerate(items):
        kind = _type_of(item, f"{key}[{index}]")
        fields = cast("JsonObject", item)
        is_turn = kind in ("reasoning", "function_call") or (
            kind == "message" and fields.get("role") == "assistant"
        )
        if not is_turn:
            messages.append(_to_message(fields, kind))
        else:
            if not is_open or _begins_message(messages[-1], kind):
                messages.append({"role": "assistant", "content": None})
            _add(messages[-1], fields, kind)
        is_open = is_turn
    return messages


def messages_to_items(messages: list[JsonObject]) -> list[JsonObject]:
    """The items of canonical chat messages."""
    items: list[JsonObject] = []
    for message in messages:
        if message["role"] == "tool":
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": message.get("tool_call_id"),
                    "output": message["content"],
                }
            )
            continue
        if "reasoning_content" in message:
            summary = {"type": "summary_text", "text": message["reasoning_content"]}
            items.append({"type": "reasoning", "summary": [summary]})
        if message["content"] is not None or _is_silent(message):
            items.append(
                {
                    "type": "message",
                    "role": message["role"],
                    "content": message["content"] or "",
                }
            )
        items.extend(_call_to_item(call) for call in _calls_of(message))
    return items


def call_to_action(call: JsonObject) -> JsonObject:
    """A call as NeMo-Gym names it: without its id."""
    function = cast("JsonObject", call["function"])
    return {
        "type": "function_call",
        "name": function["name"],
        "arguments": function["arguments"],
    }


def _type_of(item: JsonValue, place: str) -> str:
    kind = item.get("type", "message") if isinstance(item, dict) else None
    known = ("message", "reasoning", "function_call", "function_call_output")
    if kind not in known:
        raise TrajectoryError(
            f"{place} is of type {kind!r}; expected one of {', '.join(sorted(known))}.",
            reason=RejectionReason.MALFORMED_MESSAGE,
        )
    return kind


def _to_message(item: JsonObject, kind: str) -> JsonObject:
    if kind == "message":
        return {"role": item.get("role"), "content": item.get("content")}
    message: JsonObject = {"role": "tool", "content": item.get("output")}
    if item.get("call_id") is not None:
        message["tool_call_id"] = item["call_id"]
    return message


def _begins_message(message: JsonObject, kind: str) -> bool:
    if kind == "function_call":
        return False
    is_begun = message["content"] is not None or "tool_calls" in message
    return is_begun or (kind == "reasoning" and "reasoning_content" in message)


def _add(message: JsonObject, item: JsonObject, kind: str) -> None:
    if kind == "message":
        message["content"] = _text_of(item.get("content"))
    elif kind == "reasoning":
        message["reasoning_content"] = _reasoning_of(item)
    else:
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call: JsonObject = {"type": "function", "function": function}
        if item.get("call_id") is not None:
            call["id"] = item["call_id"]
        calls = cast("list[JsonValue]", message.setdefault("tool_calls", []))
        calls.append(call)


def _text_of(content: JsonValue) -> JsonValue:
    """The text of an assistant's parts; a refusal says what it says."""
    if not isinstance(content, list):
        return content
    parts = [part for part in content if isinstance(part, dict)]
    return "".join(str(part.get("text", part.get("refusal", ""))) for part in parts)


def _reasoning_of(item: JsonObject) -> str:
    parts = item.get("content") or item.get("summary") or []
    texts = [part for part in cast("list[JsonValue]", parts) if isinstance(part, dict)]
    return "\n\n".join(str(part.get("text", "")) for part in texts)


def _is_silent(message: JsonObject) -> bool:
    return not _calls_of(message)


def _calls_of(message: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", message.get("tool_calls", []))


def _call_to_item(call: JsonObject) -> JsonObject:
    identifier = {"call_id": call["id"]} if "id" in call else {}
    return {**identifier, **call_to_action(call)}
