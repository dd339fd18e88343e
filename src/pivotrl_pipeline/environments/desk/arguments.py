"""Checks tool-call arguments against the part of JSON Schema that the desk uses."""

from typing import cast

from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_TYPES: dict[str, type] = {"string": str, "integer": int, "object": dict}


def find_argument_fault(arguments: JsonObject, schema: JsonObject) -> str | None:
    """What the schema forbids in ``arguments``, as a tool would say it.

    Reads ``properties`` (``type``, ``enum``, ``minimum``, ``maximum``), ``required``
    and treats every other key as unknown, as ``additionalProperties: false`` asks.

    Returns:
        The first fault in the order unknown, missing, then by property; None where
        there is none.
    """
    properties = cast("dict[str, JsonObject]", schema["properties"])
    for name in arguments:
        if name not in properties:
            return f"unknown argument {name}"
    for name in cast("list[str]", schema.get("required", [])):
        if name not in arguments:
            return f"missing argument {name}"
    for name, value in arguments.items():
        fault = _find_value_fault(value, properties[name])
        if fault is not None:
            return f"{name} {fault}"
    return None


def fill_defaults(arguments: JsonObject, schema: JsonObject) -> JsonObject:
    """The arguments with the schema's ``default`` wherever one is left out."""
    properties = cast("dict[str, JsonObject]", schema["properties"])
    defaults = {
        name: entry["default"]
        for name, entry in properties.items()
        if "default" in entry
    }
    return {**defaults, **arguments}


def _find_value_fault(value: JsonValue, schema: JsonObject) -> str | None:
    expected = cast("str", schema["type"])
    if not isinstance(value, _TYPES[expected]) or isinstance(value, bool):
        return f"must be {'an' if expected[0] in 'aeiou' else 'a'} {expected}"
    if isinstance(value, str) and not _is_unicode(value):
        return "is not Unicode"
    choices = cast("list[str] | None", schema.get("enum"))
    if choices is not None and value not in choices:
        return f"must be one of {', '.join(choices)}"
    if isinstance(value, int):
        minimum = cast("int", schema.get("minimum", value))
        maximum = cast("int", schema.get("maximum", value))
        if not minimum <= value <= maximum:
            return f"must be between {minimum} and {maximum}"
    return None


def _is_unicode(text: str) -> bool:
    """False for lone surrogates, which JSON can write and no database stores."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
