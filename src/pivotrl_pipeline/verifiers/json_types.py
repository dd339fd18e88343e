"""What kind of value a JSON Schema asks for: ``type``, ``enum`` and ``const``."""

from collections.abc import Mapping
from types import NoneType
from typing import cast

from pivotrl_pipeline.errors import VerifierError, describe_choices
from pivotrl_pipeline.records.messages import JsonObject, JsonValue
from pivotrl_pipeline.verifiers.json_keywords import Check
from pivotrl_pipeline.verifiers.json_values import (
    describe,
    identity_key,
    json_equal,
    type_name,
)

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (NoneType,),
    "array": (list,),
    "object": (dict,),
    # Names that published tool collections use beside the standard's.
    "str": (str,),
    "int": (int, float),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "tuple": (list,),
    "dict": (dict,),
    "any": (str, int, float, bool, NoneType, list, dict),
}
_INTEGERS = frozenset({"integer", "int"})
_NUMBERS = frozenset({"number", "float", "any"})
ALL_TYPES = _PYTHON_TYPES["any"]
"""The Python types of parsed JSON."""


def type_checks(schema: JsonObject, kind: type, location: str) -> tuple[Check, ...]:
    """What ``type`` says to values of one Python type.

    Raises:
        VerifierError: If the schema names a type that does not exist.
    """
    if "type" not in schema:
        return ()
    declared = schema["type"]
    names = cast("list[str]", declared if isinstance(declared, list) else [declared])
    for name in names:
        if name not in _PYTHON_TYPES:
            raise VerifierError(
                f"{location} has the unknown type {name!r}; "
                f"{describe_choices(str(name), _PYTHON_TYPES)}"
            )
    if kind is NoneType and schema.get("nullable") is True:
        return ()
    if all(kind not in _PYTHON_TYPES[name] for name in names):
        return (_wrong_type(names),)
    if kind is float and _INTEGERS & set(names) and not _NUMBERS & set(names):
        return (_whole_number,)
    return ()


def _wrong_type(names: list[str]) -> Check:
    expected = " or ".join(names)
    return lambda value: (
        f": {describe(value)} is of type {type_name(value)}, expected {expected}"
    )


def _whole_number(value: JsonValue) -> str | None:
    if cast("float", value).is_integer():
        return None
    return f": {describe(value)} is no integer"


def value_checks(schema: JsonObject) -> list[Check]:
    """Checks for values of every type."""
    checks: list[Check] = []
    if "enum" in schema:
        choices = cast("list[JsonValue]", schema["enum"])
        keys = {identity_key(choice) for choice in choices}
        shown = ", ".join(describe(choice) for choice in choices[:8])

        def is_choice(value: JsonValue) -> str | None:
            if identity_key(value) in keys:
                return None
            return f": {describe(value)} is none of {shown}"

        checks.append(is_choice)
    if "const" in schema:
        constant = schema["const"]

        def is_constant(value: JsonValue) -> str | None:
            if json_equal(value, constant):
                return None
            return f": {describe(value)} is not {describe(constant)}"

        checks.append(is_constant)
    return checks
