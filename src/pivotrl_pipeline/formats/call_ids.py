"""Call ids for formats that demand them."""

from typing import cast

from pivotrl_pipeline.records.messages import JsonObject, JsonValue


def name_calls(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages with an id at every call and tool result.

    Calls without one are numbered by message and place; results without one answer
    the open calls in order, as ingestion reads them.
    """
    named: list[JsonObject] = []
    pending: list[JsonValue] = []
    for index, message in enumerate(messages):
        calls = cast("list[JsonObject]", message.get("tool_calls", []))
        if calls:
            identified: list[JsonValue] = [
                {"id": f"call-{index}-{place}", **call}
                for place, call in enumerate(calls)
            ]
            pending = [cast("JsonObject", call)["id"] for call in identified]
            message = {**message, "tool_calls": identified}
        elif message["role"] == "tool":
            call_id = message.get("tool_call_id", pending[0] if pending else None)
            if call_id in pending:
                pending.remove(call_id)
            message = {**message, "tool_call_id": call_id}
        named.append(message)
    return named
