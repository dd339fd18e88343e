"""The assertions of JSON Schema (draft 2020-12), each compiled to one check.

A check takes a value of the types it speaks about and returns what is wrong, or None.
What is wrong starts with the path below the value (`.date`, `[2]`), so that callers
prepend their own part.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias, cast

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.records.messages import JsonObject, JsonValue
from pivotrl_pipeline.verifiers.json_values import describe, identity_key

Check: TypeAlias = Callable[[JsonValue], str | None]
Compile: TypeAlias = Callable[[JsonValue, str], "Check"]
"""Compiles the subschema at a location; the location is for messages."""

Number: TypeAlias = int | float


def number_checks(schema: JsonObject) -> list[Check]:
    """Checks for integers and numbers."""
    checks: list[Check] = []
    for keyword, is_within in _BOUNDS.items():
        if keyword in schema:
            checks.append(_bound(keyword, cast("Number", schema[keyword]), is_within))
    if "multipleOf" in schema:
        checks.append(_multiple_of(cast("Number", schema["multipleOf"])))
    return checks


def string_checks(schema: JsonObject, location: str) -> list[Check]:
    """Checks for strings; ``format`` is an annotation and asserts nothing."""
    checks = _size_checks(schema, "minLength", "maxLength", "characters")
    if "pattern" in schema:
        pattern = compile_pattern(cast("str", schema["pattern"]), location)

        def matches(value: JsonValue) -> str | None:
            if pattern.search(cast("str", value)):
                return None
            return f": {describe(value)} does not match {pattern.pattern!r}"

        checks.append(matches)
    return checks


def array_checks(schema: JsonObject, compile_child: Compile) -> list[Check]:
    """Checks for arrays."""
    checks = _size_checks(schema, "minItems", "maxItems", "items")
    if schema.get("uniqueItems") is True:
        checks.append(_unique_items)
    if "items" in schema or "prefixItems" in schema:
        checks.append(_items(schema, compile_child))
    if "contains" in schema:
        checks.append(_contains(schema, compile_child))
    return checks


def object_checks(
    schema: JsonObject, compile_child: Compile, location: str
) -> list[Check]:
    """Checks for objects."""
    checks = _size_checks(schema, "minProperties", "maxProperties", "properties")
    required = tuple(cast("list[str]", schema.get("required") or []))
    if required:
        checks.append(lambda value: _missing(required, cast("JsonObject", value)))
    if {"properties", "patternProperties", "additionalProperties"} & schema.keys():
        checks.append(_properties(schema, compile_child, location))
    if "propertyNames" in schema:
        checks.append(_property_names(compile_child(schema["propertyNames"], location)))
    for name, needed in cast("JsonObject", schema.get("dependentRequired", {})).items():
        checks.append(_dependent_required(name, tuple(cast("list[str]", needed))))
    for name, child in cast("JsonObject", schema.get("dependentSchemas", {})).items():
        checks.append(_dependent_schema(name, compile_child(child, location)))
    return checks


def compile_pattern(pattern: str, location: str) -> re.Pattern[str]:
    """The regular expression of a schema.

    Raises:
        VerifierError: If Python cannot compile it.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise VerifierError(
            f"{location}: {pattern!r} is not a regular expression ({error}); "
            "correct the tool's schema."
        ) from error


_BOUNDS: Mapping[str, Callable[[Number, Number], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}


def _bound(
    keyword: str, bound: Number, is_within: Callable[[Number, Number], bool]
) -> Check:
    def check(value: JsonValue) -> str | None:
        if is_within(cast("Number", value), bound):
            return None
        return f": {describe(value)} breaks {keyword} {bound}"

    return check


def _multiple_of(divisor: Number) -> Check:
    exact_divisor = Fraction(str(divisor))

    def check(value: JsonValue) -> str | None:
        try:
            # Through the decimal text: 0.3 is a multiple of 0.1.
            if (Fraction(str(value)) / exact_divisor).denominator == 1:
                return None
        except ValueError:  # infinite, or an integer too long to print
            pass
        return f": {describe(value)} is no multiple of {divisor}"

    return check


def _size_checks(
    schema: JsonObject, at_least: str, at_most: str, unit: str
) -> list[Check]:
    low = cast("Number", schema.get(at_least, 0))
    high = cast("Number", schema.get(at_most, float("inf")))
    if at_least not in schema and at_most not in schema:
        return []

    def check(value: JsonValue) -> str | None:
        size = len(cast("str", value))
        if low <= size <= high:
            return None
        return f": {size} {unit}, expected {low} to {high}"

    return [check]


def _unique_items(value: JsonValue) -> str | None:
    items = cast("list[JsonValue]", value)
    if len({identity_key(item) for item in items}) == len(items):
        return None
    return ": items repeat, expected unique items"


def _items(schema: JsonObject, compile_child: Compile) -> Check:
    first = [
        compile_child(child, f"prefixItems[{index}]")
        for index, child in enumerate(
            cast("list[JsonValue]", schema.get("prefixItems") or [])
        )
    ]
    rest = compile_child(schema.get("items", True), "items")

    def check(value: JsonValue) -> str | None:
        for index, item in enumerate(cast("list[JsonValue]", value)):
            problem = (first[index] if index < len(first) else rest)(item)
            if problem is not None:
                return f"[{index}]{problem}"
        return None

    return check


def _contains(schema: JsonObject, compile_child: Compile) -> Check:
    is_match = compile_child(schema["contains"], "contains")
    low = cast("Number", schema.get("minContains", 1))
    high = cast("Number", schema.get("maxContains", float("inf")))

    def check(value: JsonValue) -> str | None:
        found = sum(is_match(item) is None for item in cast("list[JsonValue]", value))
        if low <= found <= high:
            return None
        return f": {found} items fit `contains`, expected {low} to {high}"

    return check


def _properties(schema: JsonObject, compile_child: Compile, location: str) -> Check:
    named = {
        key: compile_child(child, key)
        for key, child in cast("JsonObject", schema.get("properties") or {}).items()
    }
    patterned = [
        (compile_pattern(pattern, location), compile_child(child, pattern))
        for pattern, child in cast(
            "JsonObject", schema.get("patternProperties") or {}
        ).items()
    ]
    allows_others = schema.get("additionalProperties", True)
    others = compile_child(allows_others, "additionalProperties")

    def check(value: JsonValue) -> str | None:
        for key, item in cast("JsonObject", value).items():
            check_named = named.get(key)
            problem = check_named(item) if check_named is not None else None
            matching = [each for pattern, each in patterned if pattern.search(key)]
            for check_patterned in matching:
                problem = problem or check_patterned(item)
            if check_named is None and not matching:
                if allows_others is False:
                    return f": unexpected property {describe(key)}"
                problem = others(item)
            if problem is not None:
                return f".{_shorten_key(key)}{problem}"
        return None

    return check


def _missing(required: tuple[str, ...], value: JsonObject) -> str | None:
    for key in required:
        if key not in value:
            return f": required property {key!r} is missing"
    return None


def _property_names(check_name: Check) -> Check:
    def check(value: JsonValue) -> str | None:
        problems = map(check_name, cast("JsonObject", value))
        return next((problem for problem in problems if problem is not None), None)

    return check


def _dependent_required(name: str, needed: tuple[str, ...]) -> Check:
    def check(value: JsonValue) -> str | None:
        present = cast("JsonObject", value)
        return _missing(needed, present) if name in present else None

    return check


def _dependent_schema(name: str, check_child: Check) -> Check:
    def check(value: JsonValue) -> str | None:
        return check_child(value) if name in cast("JsonObject", value) else None

    return check


def _shorten_key(key: str) -> str:
    return key if len(key) <= 40 else f"{key[:40]}…"
