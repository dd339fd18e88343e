"""NeMo-Gym's label of a turn, ``expected_action``, to an assistant message and back.

    {"type": "function_call", "name": "f", "arguments": "{…}"}
    {"type": "function_call_batch", "calls": [{"type": "function_call", …}, …]}
    {"type": "message", "content": "…"}

Rows of terminal sets hold the text of a message as ``expected_answer`` instead.
"""

from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.formats.responses_items import call_to_action
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

ACTION_KEYS = ("expected_action", "expected_answer")


def read_expected_action(row: JsonObject) -> JsonObject:
    """The demonstrated action as an assistant message.

    Raises:
        TrajectoryError: If it is of no known form.
    """
    answer = row.get("expected_answer")
    action = row.get("expected_action")
    if action is None and isinstance(answer, str):
        return {"role": "assistant", "content": answer}
    fields = action if isinstance(action, dict) else {}
    match fields.get("type"):
        case "message":
            return {"role": "assistant", "content": fields.get("content")}
        case "function_call":
            return _call_message([fields])
        case "function_call_batch":
            return _call_message(_read_batch(fields.get("calls")))
    raise TrajectoryError(
        f"expected_action is of type {fields.get('type')!r}; expected function_call, "
        f"function_call_batch or message.",
        reason=RejectionReason.MALFORMED_ROW,
    )


def _read_batch(calls: JsonValue) -> list[JsonObject]:
    found = calls if isinstance(calls, list) else []
    actions = [call for call in found if isinstance(call, dict)]
    if not actions or len(actions) < len(found):
        raise TrajectoryError(
            f"expected_action.calls is {calls!r:.60}; expected a list of at least one "
            f"function_call.",
            reason=RejectionReason.MALFORMED_CALL,
        )
    return actions


def _call_message(actions: list[JsonObject]) -> JsonObject:
    calls = [
        {
            "type": "function",
            "function": {
                "name": action.get("name"),
                "arguments": action.get("arguments"),
            },
        }
        for action in actions
    ]
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": cast("JsonValue", calls),
    }


def make_expected_action(action: JsonObject) -> JsonObject:
    """The label of a demonstrated action; several calls are one batch."""
    calls = cast("list[JsonObject]", action.get("tool_calls", []))
    actions = [call_to_action(call) for call in calls]
    if not actions:
        return {"type": "message", "content": action["content"] or ""}
    if len(actions) == 1:
        return actions[0]
    return {"type": "function_call_batch", "calls": cast("JsonValue", actions)}
