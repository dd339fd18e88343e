"""Fields that several formats share: ids, success, tools."""

import json
from collections.abc import Iterable
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, Tool

SUCCESS_REWARD = 1 - 1e-6
"""A run with at least this reward solved its task (tau-bench's own rule)."""


def read_identifier(row: JsonObject, keys: Iterable[str]) -> str | None:
    """The first of ``keys`` that the row has, as text.

    Raises:
        TrajectoryError: If it is neither text nor a whole number.
    """
    for key in keys:
        value = row.get(key)
        if value is None:
            continue
        if isinstance(value, str) and value:
            # Ids stand in UTF-8 columns, which cannot hold a lone surrogate.
            return value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise TrajectoryError(
            f"{key} is {value!r}; expected text or a whole number.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    return None


def read_success(row: JsonObject) -> bool | None:
    """``success``, or whether ``reward`` is 1; None where the row has neither.

    Raises:
        TrajectoryError: If either is of another type.
    """
    success = row.get("success")
    if success is None:
        reward = row.get("reward")
        if reward is None:
            return None
        if isinstance(reward, int | float):
            return reward >= SUCCESS_REWARD
        found = f"reward is {reward!r}; expected a number."
    elif isinstance(success, bool):
        return success
    elif success in (0, 1):
        return bool(success)
    else:
        found = f"success is {success!r}; expected true, false or null."
    raise TrajectoryError(found, reason=RejectionReason.MALFORMED_ROW)


def read_tools(value: JsonValue, key: str = "tools") -> list[JsonObject] | None:
    """Tool entries in OpenAI form; None where the row carries none.

    The flat form of the Responses API, bare functions and JSON text are accepted.

    Raises:
        TrajectoryError: If an entry names no function.
    """
    if value is None:
        return None
    entries = _parse(value)
    if not isinstance(entries, list):
        raise TrajectoryError(
            f"{key} is {type(entries).__name__}; expected a list of OpenAI tool "
            f"entries.",
            reason=RejectionReason.MALFORMED_TOOLS,
        )
    return [_to_entry(entry, f"{key}[{place}]") for place, entry in enumerate(entries)]


def to_tools(entries: list[JsonObject] | None) -> list[Tool]:
    """Tool records of OpenAI entries."""
    functions = [cast("JsonObject", entry["function"]) for entry in entries or []]
    return [
        Tool(cast("str", function["name"]), entry)
        for function, entry in zip(functions, entries or [], strict=True)
    ]


def parse_if_text(value: JsonValue, key: str) -> JsonValue:
    """The value, parsed where a column holds it as JSON text.

    Raises:
        TrajectoryError: If the text is not JSON.
    """
    parsed = _parse(value)
    if isinstance(parsed, str):
        raise TrajectoryError(
            f"{key} is text but not JSON; expected a list of messages.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    return parsed


def collect_metadata(row: JsonObject, used: Iterable[str]) -> JsonObject:
    """Everything the row says under keys that no other field took."""
    taken = set(used)
    rest = {key: value for key, value in row.items() if key not in taken}
    metadata = read_metadata(rest)
    rest.pop("metadata", None)
    if isinstance(metadata, dict):
        return {**rest, **metadata}
    return rest if metadata is None else {**rest, "metadata": metadata}


def read_metadata(row: JsonObject) -> JsonValue:
    """What stands under ``metadata``, parsed where it is JSON text."""
    return _parse(row.get("metadata"))


def _parse(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        return cast("JsonValue", json.loads(value))
    except ValueError:
        return value


def _to_entry(entry: JsonValue, place: str) -> JsonObject:
    entry = _parse(entry)
    if isinstance(entry, dict):
        function = entry.get("function", entry)
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            if function is entry:
                flat = {key: value for key, value in entry.items() if key != "type"}
                entry = {"type": "function", "function": cast("JsonValue", flat)}
            return _with_schema(entry, place)
    raise TrajectoryError(
        f"{place} names no function; expected "
        f'{{"type": "function", "function": {{"name": …, "parameters": …}}}}.',
        reason=RejectionReason.MALFORMED_TOOLS,
    )


def _with_schema(entry: JsonObject, place: str) -> JsonObject:
    """The entry, its parameters parsed where a column holds them as JSON text."""
    function = cast("JsonObject", entry["function"])
    parameters = function.get("parameters")
    if parameters is None or isinstance(parameters, dict):
        return entry
    schema = _parse(parameters)
    if isinstance(schema, dict):
        return {**entry, "function": {**function, "parameters": schema}}
    raise TrajectoryError(
        f"{place} declares the parameters {parameters!r:.60}; expected a JSON Schema "
        f"object.",
        reason=RejectionReason.MALFORMED_TOOLS,
    )
