"""A tool's JSON Schema, compiled once, asked tens of thousands of times a second.

`SchemaNode.problem` validates (draft 2020-12); `SchemaNode.shape` tells a comparison
what the schema knows about a value's parts: their schemas, defaults and formats.
Left out: ``unevaluatedProperties``, ``unevaluatedItems``, ``$dynamicRef`` and remote
references, which raise, and ``format`` as an assertion, which the standard leaves off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType
from typing import cast
from urllib.parse import unquote

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.records.messages import JsonObject, JsonValue
from pivotrl_pipeline.verifiers.json_keywords import (
    Check,
    array_checks,
    number_checks,
    object_checks,
    string_checks,
)
from pivotrl_pipeline.verifiers.json_types import ALL_TYPES, type_checks, value_checks
from pivotrl_pipeline.verifiers.json_values import describe

_REFUSED_KEYWORDS = (
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "dependencies",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a comparison may know about a value and its parts."""

    properties: Mapping[str, "SchemaNode"]
    defaults: Mapping[str, JsonValue]
    """By property: its declared default, or null where the schema allows null and
    declares no default. Leaving the property out means this value."""
    other_properties: "SchemaNode | None"
    prefix_items: tuple["SchemaNode", ...]
    items: "SchemaNode | None"
    format: str | None
    alternatives: tuple["SchemaNode", ...]
    """The branches of ``anyOf`` and ``oneOf``."""


@dataclass(eq=False)
class SchemaNode:
    """One (sub)schema."""

    schema: JsonObject
    checks: Mapping[type, tuple[Check, ...]] = field(default_factory=dict)
    children: Mapping[str, "SchemaNode"] = field(default_factory=dict)
    """By property name."""
    other_properties: "SchemaNode | None" = None
    prefix_items: tuple["SchemaNode", ...] = ()
    items: "SchemaNode | None" = None
    parts: tuple["SchemaNode", ...] = ()
    """The members of ``allOf`` and the target of ``$ref``: they hold as well."""
    branches: tuple["SchemaNode", ...] = ()
    """The members of ``anyOf`` and ``oneOf``."""
    conditions: tuple["SchemaNode", ...] = ()
    """The members of ``not``, ``if``, ``then`` and ``else``."""
    checked: dict[tuple[int, int], str | None] = field(default_factory=dict)
    """What the targets of ``$ref`` said about which parts of the value at hand, by the
    ids of both; shared by all nodes of a schema."""

    def problem(self, value: JsonValue) -> str | None:
        """What the schema forbids about ``value``, with its path; None if nothing."""
        try:
            return self.check(value)
        finally:
            self.checked.clear()

    def check(self, value: JsonValue) -> str | None:
        """As `problem`, for a part of a value that is being validated."""
        for check in self.checks[type(value)]:
            problem = check(value)
            if problem is not None:
                return problem
        return None

    @cached_property
    def shape(self) -> Shape:
        """Everything known about the value, that of ``allOf`` and ``$ref`` included."""
        own = Shape(
            self.children,
            _declared_defaults(self.children),
            self.other_properties,
            self.prefix_items,
            self.items,
            cast("str | None", self.schema.get("format")),
            self.branches,
        )
        shape = own
        for part in self.parts:
            shape = merge_shapes(shape, part.shape)
        return shape


def merge_shapes(first: Shape, second: Shape) -> Shape:
    """What is known if both hold; ``first`` wins where both speak."""
    return Shape(
        {**second.properties, **first.properties},
        {**second.defaults, **first.defaults},
        first.other_properties or second.other_properties,
        first.prefix_items or second.prefix_items,
        first.items or second.items,
        first.format or second.format,
        first.alternatives + second.alternatives,
    )


def compile_schema(schema: JsonObject, location: str) -> SchemaNode:
    """The compiled schema.

    Args:
        schema: A JSON Schema; ``$ref`` may point anywhere inside it.
        location: How messages call it, for example the tool's name.

    Raises:
        VerifierError: If the schema is malformed or uses what is not supported.
    """
    compiler = _Compiler(schema, location)
    try:
        node = compiler.compile(schema, location)
        compiler.refuse_cycles()
        return node
    except (TypeError, AttributeError, ValueError) as error:
        raise VerifierError(
            f"{location}: a keyword has a value of the wrong type ({error}); "
            "correct the tool's schema."
        ) from error


class _Compiler:
    def __init__(self, root: JsonObject, location: str) -> None:
        self._root = root
        self._location = location
        self._nodes: dict[int, SchemaNode] = {}
        self._checked: dict[tuple[int, int], str | None] = {}

    def compile(self, raw: JsonValue, location: str) -> SchemaNode:
        """The node of ``raw``; one per schema object, so that cycles close."""
        if isinstance(raw, bool):
            return _constant_node(is_allowed=raw)
        if not isinstance(raw, dict):
            raise VerifierError(
                f"{location} is {describe(raw)}; expected a JSON Schema, that is an "
                "object or a boolean: correct the tool's schema."
            )
        if id(raw) not in self._nodes:
            node = self._nodes[id(raw)] = SchemaNode(
                _modernise(raw), checked=self._checked
            )
            self._fill(node, location)
        return self._nodes[id(raw)]

    def _fill(self, node: SchemaNode, location: str) -> None:
        raw = node.schema
        for keyword in _REFUSED_KEYWORDS:
            if keyword in raw:
                raise VerifierError(
                    f"{location} uses {keyword!r}, which is not supported; remove it "
                    "from the tool's schema or judge the tool with another verifier."
                )
        node.children = {
            key: self.compile(child, f"{location}.{key}")
            for key, child in cast("JsonObject", raw.get("properties") or {}).items()
        }
        if isinstance(raw.get("additionalProperties"), dict):
            node.other_properties = self.compile(
                raw["additionalProperties"], f"{location}.*"
            )
        node.prefix_items = self._compile_all(raw, "prefixItems", location)
        if "items" in raw:
            node.items = self.compile(raw["items"], f"{location}[]")
        node.checks = self._checks(node, location)

    def _compile_all(
        self, raw: JsonObject, keyword: str, location: str
    ) -> tuple[SchemaNode, ...]:
        return tuple(
            self.compile(child, f"{location}.{keyword}[{index}]")
            for index, child in enumerate(
                cast("list[JsonValue]", raw.get(keyword) or [])
            )
        )

    def _checks(self, node: SchemaNode, location: str) -> dict[type, tuple[Check, ...]]:
        raw = node.schema

        def compile_child(child: JsonValue, where: str) -> Check:
            return self.compile(child, f"{location}.{where}").check

        common = [*value_checks(raw), *self._combination_checks(node, location)]
        numbers = number_checks(raw)
        by_type: dict[type, list[Check]] = {
            str: string_checks(raw, location),
            int: numbers,
            float: numbers,
            list: array_checks(raw, compile_child),
            dict: object_checks(raw, compile_child, location),
            bool: [],
            NoneType: [],
        }
        return {
            kind: (*type_check, *checks, *common)
            for kind, checks in by_type.items()
            for type_check in [type_checks(raw, kind, location)]
        }

    def _combination_checks(self, node: SchemaNode, location: str) -> list[Check]:
        raw = node.schema
        any_of = self._compile_all(raw, "anyOf", location)
        one_of = self._compile_all(raw, "oneOf", location)
        node.branches = any_of + one_of
        node.parts = self._compile_all(raw, "allOf", location)
        checks: list[Check] = [part.check for part in node.parts]
        if "$ref" in raw:
            target = self._resolve(cast("str", raw["$ref"]), location)
            referred = self.compile(target, location)
            node.parts += (referred,)
            checks.append(_reference_check(referred, self._checked))
        if any_of:
            checks.append(_any_of_check(any_of))
        if one_of:
            checks.append(_one_of_check(one_of))
        if "not" in raw:
            refused = self.compile(raw["not"], f"{location}.not")
            node.conditions += (refused,)
            checks.append(_not_check(refused))
        if "if" in raw:
            test, then, otherwise = (
                self.compile(raw.get(keyword, True), f"{location}.{keyword}")
                for keyword in ("if", "then", "else")
            )
            node.conditions += (test, then, otherwise)
            checks.append(_if_check(test, then, otherwise))
        return checks

    def refuse_cycles(self) -> None:
        """Raises if a schema asks about the same value again, for ever."""
        finished: set[int] = set()
        for node in self._nodes.values():
            self._visit(node, finished, set())

    def _visit(self, node: SchemaNode, finished: set[int], open_: set[int]) -> None:
        if id(node) in open_:
            raise VerifierError(
                f"{self._location}: a schema refers to itself without going into a "
                "property or an item; correct the tool's schema."
            )
        if id(node) not in finished:
            for other in (*node.parts, *node.branches, *node.conditions):
                self._visit(other, finished, open_ | {id(node)})
            finished.add(id(node))

    def _resolve(self, reference: str, location: str) -> JsonValue:
        target: JsonValue = self._root
        if reference != "#" and not reference.startswith("#/"):
            raise VerifierError(
                f"{location} refers to {reference!r}; only references inside the "
                "tool's own parameters ('#/$defs/...') can be followed: inline it."
            )
        for part in reference.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            elif isinstance(target, dict) and key in target:
                target = target[key]
            else:
                raise VerifierError(
                    f"{location} refers to {reference!r}, of which {key!r} does not "
                    f"exist in the parameters of {self._location}; add the definition."
                )
        return target


def _modernise(schema: JsonObject) -> JsonObject:
    """The same in the words of draft 2020-12: schemas in use mix the drafts."""
    modern = dict(schema)
    if isinstance(schema.get("items"), list):
        modern["prefixItems"] = schema["items"]
        modern["items"] = schema.get("additionalItems", True)
    for exclusive, bound in (
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ):
        if isinstance(schema.get(exclusive), bool):
            del modern[exclusive]
            if schema[exclusive] is True and bound in schema:
                modern[exclusive] = modern.pop(bound)
    return modern


def _reference_check(
    target: SchemaNode, checked: dict[tuple[int, int], str | None]
) -> Check:
    """Asks once about each part of a value: a schema that refers to itself in several
    alternatives would else be asked again in each, at every level of the value."""

    def check(value: JsonValue) -> str | None:
        if not isinstance(value, (dict, list)):
            return target.check(value)
        place = (id(target), id(value))
        if place not in checked:
            checked[place] = target.check(value)
        return checked[place]

    return check


def _any_of_check(branches: tuple[SchemaNode, ...]) -> Check:
    def check(value: JsonValue) -> str | None:
        if any(branch.check(value) is None for branch in branches):
            return None
        return f": {describe(value)} fits none of {len(branches)} alternatives"

    return check


def _one_of_check(branches: tuple[SchemaNode, ...]) -> Check:
    def check(value: JsonValue) -> str | None:
        fits = sum(branch.check(value) is None for branch in branches)
        if fits == 1:
            return None
        return f": {describe(value)} fits {fits} alternatives, expected exactly one"

    return check


def _not_check(refused: SchemaNode) -> Check:
    def check(value: JsonValue) -> str | None:
        if refused.check(value) is not None:
            return None
        return f": {describe(value)} is excluded by `not`"

    return check


def _if_check(test: SchemaNode, then: SchemaNode, otherwise: SchemaNode) -> Check:
    def check(value: JsonValue) -> str | None:
        return (then if test.check(value) is None else otherwise).check(value)

    return check


def _constant_node(*, is_allowed: bool) -> SchemaNode:
    refusal: tuple[Check, ...] = (lambda value: f": {describe(value)} is not allowed",)
    return SchemaNode({}, dict.fromkeys(ALL_TYPES, () if is_allowed else refusal))


def _declared_defaults(children: Mapping[str, SchemaNode]) -> dict[str, JsonValue]:
    defaults: dict[str, JsonValue] = {}
    for key, child in children.items():
        schemas = list(_schemas_of(child))
        declared = [each["default"] for each in schemas if "default" in each]
        if declared:
            defaults[key] = declared[0]
        elif child.problem(None) is None and any(map(_speaks_of_null, schemas)):
            defaults[key] = None
    return defaults


def _schemas_of(node: SchemaNode) -> Iterator[JsonObject]:
    """The node's own schema and those that hold as well."""
    yield node.schema
    for part in node.parts:
        yield from _schemas_of(part)


def _speaks_of_null(schema: JsonObject) -> bool:
    """False for a schema that allows null only because it says nothing of types."""
    return bool({"type", "anyOf", "oneOf", "enum", "const"} & schema.keys())
