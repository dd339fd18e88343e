"""Values of XML parameters, typed by the JSON Schema of their tool.

Qwen3-Coder writes a value as bare text: text as it is, everything else as JSON, or,
where its template printed it through Jinja's ``string``, as Python spells it.
"""

import json
from collections.abc import Iterator
from typing import NoReturn

from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_COMBINATIONS = ("anyOf", "oneOf", "allOf")
_PYTHON_WORDS: dict[str, tuple[str, JsonValue]] = {
    "True": ("boolean", True),
    "False": ("boolean", False),
    "None": ("null", None),
}
_TYPE_NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


def type_values(values: dict[str, str], parameters: JsonObject) -> JsonObject:
    """The values as their schemas declare them; the text where one cannot be read so.

    Args:
        values: As they were written.
        parameters: The JSON Schema of the tool's arguments.
    """
    properties = parameters.get("properties")
    schemas = properties if isinstance(properties, dict) else {}
    return {
        key: _type_value(text, set(_list_types(schemas.get(key), parameters, ())))
        for key, text in values.items()
    }


def _type_value(text: str, types: set[str]) -> JsonValue:
    if not types or "string" in types:
        return text
    try:
        typed: JsonValue = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        type_name, typed = _PYTHON_WORDS.get(text, ("", None))
        return typed if type_name in types else text
    return typed


def _list_types(
    schema: JsonValue, whole: JsonObject, followed: tuple[str, ...]
) -> Iterator[str]:
    """Names of the types that a value may have; none where nothing is declared.

    Args:
        schema: Of the value.
        whole: Holds what ``schema`` may refer to.
        followed: References on the way here.
    """
    if not isinstance(schema, dict):
        return
    declared = schema.get("type")
    for name in declared if isinstance(declared, list) else [declared]:
        if isinstance(name, str):
            yield name
    allowed = schema.get("enum")
    for value in allowed if isinstance(allowed, list) else []:
        yield _TYPE_NAMES[type(value)]
    if "const" in schema:
        yield _TYPE_NAMES[type(schema["const"])]
    for key in _COMBINATIONS:
        members = schema.get(key)
        for member in members if isinstance(members, list) else []:
            yield from _list_types(member, whole, followed)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        target = _follow(reference, whole)
        yield from _list_types(target, whole, (*followed, reference))


def _follow(reference: str, whole: JsonObject) -> JsonValue:
    """What a reference inside the schema points at; None where there is nothing."""
    found: JsonValue = whole
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
