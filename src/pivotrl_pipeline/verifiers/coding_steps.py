"""A coding agent's tool call as the step it makes, whatever the harness calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pivotrl_pipeline.parameters.verifiers import CodingTool
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, ToolCall
from pivotrl_pipeline.verifiers.comparators import parse_number

_PATH = ("path", "file_path", "filePath", "filepath", "file", "target_file", "filename")
_OLD = ("old_str", "old_string", "oldString", "search")
_NEW = ("new_str", "new_string", "newString", "replace", "replacement")
_TEXT = ("file_text", "content", "contents", "text")
_INSERTED = ("new_str", "insert_text", "text", "content")
_COMMAND = ("command", "cmd", "script")
_PATTERN = ("pattern", "query", "regex", "search_term")

_RANGE = "view_range"
_FIRST = ("start_line", "startLine", "start_line_one_indexed", "offset")
_LAST = ("end_line", "endLine", "end_line_one_indexed_inclusive")
_COUNT = "limit"
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
    """First and last line that a reading step shows; None where ``line_range`` cannot
    be read."""
    line_range: JsonObject
    """The arguments that name those lines, as they were given."""
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
    line_range = {
        key: arguments[key]
        for key in (_RANGE, *_FIRST, *_LAST, _COUNT)
        if arguments.get(key) is not None
    }
    return CodingStep(
        category,
        fields,
        _read_lines(line_range),
        line_range,
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


def _read_lines(line_range: JsonObject) -> tuple[float, float] | None:
    """First and last line, counted from 1; without any argument the whole file."""
    view = line_range.get(_RANGE, [1, -1])
    if not isinstance(view, list) or len(view) != 2:
        return None
    first, last = (
        _number(next((line_range[key] for key in keys if key in line_range), given))
        for keys, given in zip((_FIRST, _LAST), view, strict=True)
    )
    if first is None or last is None:
        return None
    first = first or 1.0  # where a tool counts from 0
    last = float("inf") if last == -1 else last
    if _COUNT in line_range:
        last = min(last, first - 1 + (_number(line_range[_COUNT]) or 0))
    return (first, last) if 0 < first <= last else None


def _number(value: JsonValue) -> float | None:
    number = parse_number(value)
    return None if number is None or abs(number) > _MAX_LINE else float(number)
