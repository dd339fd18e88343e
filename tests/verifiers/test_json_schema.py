import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.verifiers.json_schema import compile_schema

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([0.0, 0.5, 1.0, 2.5, 10.0, -3.0])
    | st.sampled_from(["", "a", "b", "ab", "2024-05-20", " a"])
)
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = st.sampled_from(
    ["string", "number", "integer", "boolean", "null", "array", "object"]
)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    children = st.lists(inner, min_size=1, max_size=3)
    by_key = st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "properties": by_key,
            "required": st.lists(KEYS, max_size=2, unique=True),
            "additionalProperties": inner | st.booleans(),
            "patternProperties": st.fixed_dictionaries({"^a": inner}),
            "propertyNames": st.just({"maxLength": 1}),
            "dependentRequired": st.just({"a": ["b"]}),
            "dependentSchemas": st.fixed_dictionaries({"c": inner}),
            "items": inner,
            "prefixItems": children,
            "contains": inner,
            "anyOf": children,
            "oneOf": children,
            "allOf": children,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "minItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "maxProperties": st.integers(0, 3),
        },
    )


LEAF_SCHEMAS = st.booleans() | st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES,
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "minimum": st.integers(-2, 5),
        "exclusiveMaximum": st.integers(0, 12),
        "multipleOf": st.sampled_from([1, 2, 5]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 3),
        "pattern": st.sampled_from(["^a", "b$", "\\d"]),
    },
)
SCHEMAS = st.recursive(LEAF_SCHEMAS, _schemas, max_leaves=6)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=SCHEMAS, value=VALUES)
def test_agrees_with_an_independent_validator(schema: Any, value: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")

    problem = compile_schema({"allOf": [schema]}, "tool").problem(value)

    reference = jsonschema.Draft202012Validator(schema)
    assert (problem is None) == reference.is_valid(value), problem


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"type": "integer"}, 1.5, ": 1.5 is no integer"),
        (
            {"type": "integer"},
            "10",
            ': "10" is of type string, expected integer',
        ),
        ({"type": "integer"}, True, ": true is of type boolean, expected integer"),
        ({"minimum": 3}, 2, ": 2 breaks minimum 3"),
        ({"exclusiveMaximum": 3}, 3, ": 3 breaks exclusiveMaximum 3"),
        ({"multipleOf": 0.5}, 0.7, ": 0.7 is no multiple of 0.5"),
        ({"maxLength": 2}, "abc", ": 3 characters, expected 0 to 2"),
        ({"pattern": "^[A-Z]{3}$"}, "sfo", ": \"sfo\" does not match '^[A-Z]{3}$'"),
        ({"enum": ["yes", "no"]}, "maybe", ': "maybe" is none of "yes", "no"'),
        ({"const": 1}, True, ": true is not 1"),
        ({"required": ["date"]}, {}, ": required property 'date' is missing"),
        ({"items": {"type": "string"}}, ["a", 1], "[1]: 1 is of type integer"),
        (
            {"properties": {"a": {"items": {"properties": {"b": {"minimum": 1}}}}}},
            {"a": [{"b": 1}, {"b": 0}]},
            ".a[1].b: 0 breaks minimum 1",
        ),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"b": 1},
            ': unexpected property "b"',
        ),
    ],
)
def test_problem_names_the_place_and_both_sides(
    schema: Any, value: Any, problem: str
) -> None:
    found = compile_schema(schema, "tool").problem(value)

    assert found is not None
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 10.0),
        ({"type": "number"}, 10),
        ({"type": "float"}, 1),
        ({"type": "dict"}, {}),
        ({"type": ["string", "null"]}, None),
        ({"type": "string", "nullable": True}, None),
        ({"const": 1}, 1.0),
        ({"multipleOf": 0.1}, 0.3),
        ({"type": "string", "format": "date"}, "tomorrow"),
        ({"minimum": 3, "exclusiveMinimum": False}, 3),
        ({"items": [{"type": "string"}, {"type": "integer"}]}, ["a", 1, None]),
    ],
)
def test_allows(schema: Any, value: Any) -> None:
    assert compile_schema(schema, "tool").problem(value) is None


def test_older_drafts_keep_their_meaning() -> None:
    exclusive = compile_schema({"minimum": 3, "exclusiveMinimum": True}, "tool")
    pair = compile_schema({"items": [{}], "additionalItems": False}, "tool")

    assert exclusive.problem(3) is not None
    assert pair.problem([1, 2]) is not None


def test_recursive_schema_is_followed_into_the_value() -> None:
    tree = compile_schema(
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "integer"},
                        "children": {"items": {"$ref": "#/$defs/node"}},
                    },
                }
            },
        },
        "tree",
    )

    problem = tree.problem({"value": 1, "children": [{"value": "2"}]})

    assert problem == '.children[0].value: "2" is of type string, expected integer'


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_alternatives_of_a_recursive_schema_are_asked_once_at_each_level(
    keyword: str,
) -> None:
    of = {"$ref": "#/$defs/filter"}
    filters = [
        {"type": "object", "properties": {"all": {"items": of}, "op": {"const": op}}}
        for op in ("and", "or", "not")
    ]
    schema = {**of, "$defs": {"filter": {keyword: [{"type": "string"}, *filters]}}}
    node = compile_schema(schema, "tool")
    right: Any = "a"
    wrong: Any = 1
    # Asked in each alternative anew, it would be asked 3 ** 40 times.
    for _ in range(40):
        right = {"all": [right, "b"], "op": "not"}
        wrong = {"all": [wrong, "b"], "op": "not"}

    assert node.problem(right) is None
    assert node.problem(wrong) is not None
    assert node.problem(right) is None


def test_defaults_come_from_the_schema_and_through_references() -> None:
    node = compile_schema(
        {
            "allOf": [{"$ref": "#/$defs/page"}],
            "properties": {
                "note": {"type": ["string", "null"]},
                "city": {"type": "string"},
                "free": {},
            },
            "$defs": {"page": {"properties": {"size": {"default": 20}}}},
        },
        "tool",
    )

    assert node.shape.defaults == {"note": None, "size": 20}


def test_default_may_stand_behind_a_reference() -> None:
    node = compile_schema(
        {
            "properties": {
                "unit": {"$ref": "#/$defs/unit"},
                "of_all": {"allOf": [{"title": "Unit"}, {"$ref": "#/$defs/unit"}]},
                "own": {"$ref": "#/$defs/unit", "default": "F"},
                "note": {"$ref": "#/$defs/note"},
                "narrowed": {"$ref": "#/$defs/note", "type": "string"},
                "free": {"$ref": "#/$defs/free"},
            },
            "$defs": {
                "unit": {"type": "string", "default": "C"},
                "note": {"type": ["string", "null"]},
                "free": {},
            },
        },
        "tool",
    )

    assert node.shape.defaults == {"unit": "C", "of_all": "C", "own": "F", "note": None}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strin"}, "unknown type 'strin'.*Did you mean 'string'"),
        ({"properties": {"a": {"type": "text"}}}, r"tool\.a has the unknown type"),
        ({"pattern": "("}, "not a regular expression"),
        ({"$ref": "#/$defs/a"}, r"'\$defs' does not exist"),
        ({"$ref": "https://example.org/a"}, "only references inside"),
        ({"$ref": "#"}, "refers to itself"),
        ({"unevaluatedProperties": False}, "'unevaluatedProperties'.*not supported"),
        ({"properties": {"a": 3}}, r"tool\.a is 3; expected a JSON Schema"),
        ({"properties": [1]}, "a keyword has a value of the wrong type"),
    ],
)
def test_malformed_schema_is_refused_with_its_place(schema: Any, message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        compile_schema(schema, "tool")


def test_endless_numbers_do_not_raise() -> None:
    node = compile_schema({"multipleOf": 0.1, "minimum": 0}, "tool")

    assert node.problem(json.loads("1e999")) is not None
    assert node.problem(10**4000) is None
