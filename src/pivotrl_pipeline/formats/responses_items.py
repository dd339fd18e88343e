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
        TrajectoryError: If an item is of no known type, or reasoning is no text.
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
        place = f"{key}[{index}]"
        kind = _type_of(item, place)
        fields = cast("JsonObject", item)
        is_turn = kind in ("reasoning", "function_call") or (
            kind == "message" and fields.get("role") == "assistant"
        )
        if not is_turn:
            messages.append(_to_message(fields, kind))
        else:
            if not is_open or (
                kind != "function_call" and not is_only_reasoning(messages[-1])
            ):
                messages.append({"role": "assistant", "content": None})
            _add(messages[-1], fields, kind, place)
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
        if message["content"] is not None or not _calls_of(message):
            items.append(
                {
                    "type": "message",
                    "role": message["role"],
                    "content": message["content"] or "",
                }
            )
        items.extend(_call_to_item(call) for call in _calls_of(message))
    return items


def is_only_reasoning(message: JsonObject) -> bool:
    """True of an assistant message that as yet has neither text nor calls."""
    is_silent = message["content"] is None and "tool_calls" not in message
    return is_silent and message["role"] == "assistant"


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


def _add(message: JsonObject, item: JsonObject, kind: str, place: str) -> None:
    if kind == "message":
        message["content"] = _text_of(item.get("content"))
    elif kind == "reasoning":
        texts = [message.get("reasoning_content"), _reasoning_of(item, place)]
        if said := [cast("str", text) for text in texts if text]:
            message["reasoning_content"] = "\n\n".join(said)
    else:
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call: JsonObject = {"type": "function", "function": function}
        if item.get("call_id") is not None:
            call["id"] = item["call_id"]
        calls = cast("list[JsonValue]", message.setdefault("tool_calls", []))
        calls.append(call)


def _text_of(content: JsonValue) -> JsonValue:
    """The text of an assistant's parts; what holds anything else is left as it is."""
    texts = _texts_of(content) if isinstance(content, list) else None
    return content if texts is None else "".join(texts)


def _reasoning_of(item: JsonObject, place: str) -> str:
    parts = item.get("content") or item.get("summary") or []
    texts = _texts_of(parts if isinstance(parts, list) else [parts])
    if texts is None:
        raise TrajectoryError(
            f"{place} is reasoning with {parts!r:.60}; expected text or text parts.",
            reason=RejectionReason.MALFORMED_MESSAGE,
        )
    return "\n\n".join(texts)


def _texts_of(parts: list[JsonValue]) -> list[str] | None:
    """A refusal says what it says; None where a part is no text."""
    fields = [part if isinstance(part, dict) else {"text": part} for part in parts]
    # Columns that hold both keys fill the absent one with null.
    texts = [
        part.get("refusal") if part.get("text") is None else part["text"]
        for part in fields
    ]
    is_text = all(isinstance(text, str) for text in texts)
    return cast("list[str]", texts) if is_text else None


def _calls_of(message: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", message.get("tool_calls", []))


def _call_to_item(call: JsonObject) -> JsonObject:
    identifier = {"call_id": call["id"]} if "id" in call else {}
    return {**identifier, **call_to_action(call)}
