"""A coding agent's tool call as the step it makes, whatever the harness calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pivotrl_pipeline.parameters.verifiers import CodingTool
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, ToolCall

_PATH = ("path", "file_path", "filePath", "filepath", "file", "target_file", "filename")
_OLD = ("old_str", "old_string", "oldString", "search")
_NEW = ("new_str", "new_string", "newString", "replace", "replacement")
_TEXT = ("file_text", "content", "contents", "text")
_INSERTED = ("new_str", "insert_text", "text", "content")
_COMMAND = ("command", "cmd", "script")
_PATTERN = ("pattern", "query", "regex", "search_term")

_MAX_LINE = 1e12

FIELDS_BY_CATEGORY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "read": {"path": _PATH},
    "write": {"path": _PATH, "text": _TEXT},
    "edit": {"path": _PATH, "old": _OLD, "new": _NEW},
    "insert": {"path": _PATH, "text": _INSERTED},
    "undo": {"path": _PATH},
    "search": {"pattern": _PATTERN},
    "run": {"command": _COMMAND},
    "finish": {},
    "think": {},
}
"""The required fields of a step and the arguments that may hold them. ``edit`` may
leave ``new`` out: it then deletes."""


@dataclass(frozen=True, slots=True)
class CodingStep:
    """One step."""

    category: str
    fields: Mapping[str, JsonValue]
    """The required fields that were found."""
    lines: tuple[float, float] | None
    """First and last line that a reading step shows; None shows the whole file."""
    line: JsonValue
    """Where an inserting step inserts."""
    place: str
    """Where a searching step searches; '' where it does not say."""


def read_step(call: ToolCall, tools: Sequence[CodingTool]) -> CodingStep | None:
    """The step of a call; None where ``tools`` does not know it."""
    arguments = call.arguments or {}
    category = _find_category(call.name, arguments, tools)
    if category is None:
        return None
    fields = {
        name: arguments[key]
        for name, keys in FIELDS_BY_CATEGORY[category].items()
        for key in keys[::-1]
        if key in arguments
    }
    if category == "edit":
        fields.setdefault("new", "")
    place = next((arguments[key] for key in _PATH if key in arguments), "")
    return CodingStep(
        category,
        fields,
        _read_lines(arguments) if category == "read" else None,
        arguments.get("insert_line", arguments.get("line")),
        place if isinstance(place, str) else "",
    )


def _find_category(
    name: str, arguments: JsonObject, tools: Sequence[CodingTool]
) -> str | None:
    for tool in tools:
        if tool.tool == name and tool.command in ("", arguments.get("command")):
            return tool.category
    return None


def _read_lines(arguments: JsonObject) -> tuple[float, float] | None:
    view = arguments.get("view_range")
    if isinstance(view, list) and len(view) == 2:
        first, last = _number(view[0]), _number(view[1])
        if first is None or last is None:
            return None
        return first, (float("inf") if last == -1 else last)
    first, count = _number(arguments.get("offset")), _number(arguments.get("limit"))
    if first is None and count is None:
        return None
    first = first or 0
    return first, (float("inf") if count is None else first + count - 1)


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < _MAX_LINE else None
