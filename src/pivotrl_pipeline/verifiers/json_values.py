"""JSON values as JSON means them: 10 is 10.0, true is not 1, objects have no order."""

from pivotrl_pipeline.records.messages import JsonValue, dump_json

MAX_NESTING = 100
"""Deepest nesting that is judged; every recursion over a value stays below it."""

_SHOWN_CHARACTERS = 60


def json_equal(left: JsonValue, right: JsonValue) -> bool:
    """Equality of the JSON data model; NaN cannot occur in parsed arguments."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            json_equal(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return left == right


def identity_key(value: JsonValue) -> object:
    """A hashable that is equal exactly for values that are `json_equal`."""
    if isinstance(value, dict):
        return frozenset((key, identity_key(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(map(identity_key, value))
    return (isinstance(value, bool), value)


def type_name(value: JsonValue) -> str:
    """The JSON name of a value's type; a number without fraction is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def describe(value: JsonValue) -> str:
    """The value as JSON, cut to what a person reads in a table."""
    if isinstance(value, str):
        # Cut first: encoding a long string whole would dominate the verdict's cost.
        shown = dump_json(value[: _SHOWN_CHARACTERS + 1])
    elif isinstance(value, (dict, list)):
        shown = f"{type_name(value)} of {len(value)}"
    else:
        shown = _describe_scalar(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def is_nested_too_deeply(value: JsonValue, *, limit: int = MAX_NESTING) -> bool:
    """True if arrays and objects are nested more than ``limit`` levels."""
    level: list[JsonValue] = [value]
    for _ in range(limit + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _describe_scalar(value: bool | int | float | None) -> str:
    try:
        return dump_json(value)
    except ValueError:  # an integer of more than 4,300 digits
        return "integer of thousands of digits"
