"""Call ids for formats that demand them."""

from typing import cast

from pivotrl_pipeline.records.messages import JsonObject, JsonValue


def name_calls(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages with an id at every call, and that id at its tool result.

    Calls without one are numbered by message and place.
    """
    named: list[JsonObject] = []
    pending: list[tuple[JsonValue, JsonValue]] = []
    for index, message in enumerate(messages):
        calls = cast("list[JsonObject]", message.get("tool_calls", []))
        if calls:
            identified = [
                {"id": f"call-{index}-{place}", **call}
                for place, call in enumerate(calls)
            ]
            pending = [
                (call.get("id"), own["id"])
                for call, own in zip(calls, identified, strict=True)
            ]
            message = {**message, "tool_calls": cast("JsonValue", identified)}
        elif message["role"] == "tool":
            call_id = _take_id(pending, message.get("tool_call_id"))
            message = {**message, "tool_call_id": call_id}
        named.append(message)
    return named


def _take_id(
    pending: list[tuple[JsonValue, JsonValue]], call_id: JsonValue
) -> JsonValue:
    """The id of the call that a result answers, paired as ingestion pairs them.

    Args:
        pending: The recorded and the given id of each call still open.
        call_id: What the result names.
    """
    recorded = [own for own, _ in pending]
    is_ordered = call_id is None or None in recorded
    if not pending or not (is_ordered or call_id in recorded):
        return call_id
    return pending.pop(0 if is_ordered else recorded.index(call_id))[1]
