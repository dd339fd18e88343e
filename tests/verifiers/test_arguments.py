import json
from typing import Any

import pytest

from pivotrl_pipeline.parameters.comparators import ArgumentRule
from pivotrl_pipeline.parameters.verifiers import ToolCallParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.tool_call import ToolCallVerifier

BOOK = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "guests": {"type": "integer", "default": 1},
        "price": {"type": "number"},
        "cabin": {"enum": ["economy", "business"]},
        "day": {"type": "string", "format": "date"},
        "start": {"type": "string", "format": "date-time"},
        "note": {"type": ["string", "null"]},
        "room": {"anyOf": [{"$ref": "#/$defs/room"}, {"type": "null"}]},
        "limit": {"type": ["integer", "null"], "default": 5},
        "urgent": {"type": "boolean", "default": False},
        "tags": {"type": "array", "items": {"type": "string"}},
        "stops": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "nights": {"type": "integer", "default": 1},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
        "options": {
            "type": "object",
            "additionalProperties": {"type": "number"},
        },
        "when": {
            "oneOf": [
                {"type": "integer"},
                {"type": "string", "format": "date"},
            ]
        },
        "path": {"type": "string"},
        "query": {"type": "string"},
        "raw": {},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {
        "room": {
            "type": "object",
            "properties": {
                "beds": {"type": "integer", "default": 2},
                "view": {"type": "string", "default": "yard"},
            },
        }
    },
}
FREE = {"type": "object", "properties": {"a": {"type": "string"}}}


def _tool(name: str, parameters: Any) -> Tool:
    return Tool(
        name,
        {"type": "function", "function": {"name": name, "parameters": parameters}},
    )


STATE = State((), (_tool("book", BOOK), _tool("find", BOOK), _tool("free", FREE)))
RULES: list[dict[str, Any]] = [
    {
        "tool": "*",
        "argument": "query",
        "comparator": {"kind": "similarity", "measure": "rouge_l", "threshold": 0.6},
    },
    {"tool": "bo*", "argument": "tags", "comparator": {"kind": "unordered"}},
    {"tool": "book", "argument": "stops", "comparator": {"kind": "unordered"}},
    {
        "tool": "book",
        "argument": "stops[].city",
        "comparator": {"kind": "case_insensitive"},
    },
    {
        "tool": "find",
        "argument": "price",
        "comparator": {"kind": "numeric_tolerance", "absolute": 0.01, "relative": 0},
    },
    {
        "tool": "*",
        "argument": "path",
        "comparator": {"kind": "path", "root": "/repo"},
    },
    {"tool": "find", "argument": "note", "comparator": {"kind": "ignore"}},
    {"tool": "find", "argument": "raw", "comparator": {"kind": "date"}},
]


def _verifier() -> ToolCallVerifier:
    return ToolCallVerifier(
        ToolCallParameters.model_validate(
            {
                "kind": "tool_call",
                "scoring": "strict",
                "strings": {"kind": "trimmed"},
                "arguments": RULES,
            }
        )
    )


def _calls(*calls: tuple[str, Any]) -> Action:
    return Action(
        tool_calls=tuple(
            make_tool_call(
                name, arguments if isinstance(arguments, str) else json.dumps(arguments)
            )
            for name, arguments in calls
        )
    )


def _judge(demonstrated: Any, sampled: Any, tool: str = "book") -> Verdict:
    base = {"city": "Paris"}
    return _verifier().verify(
        STATE,
        _calls((tool, {**base, **demonstrated})),
        _calls((tool, {**base, **sampled})),
    )


EQUIVALENT_PAIRS: list[tuple[str, Any, Any]] = [
    ("book", {}, {}),
    ("book", {"city": "Paris"}, {"city": " Paris\n"}),
    ("book", {"city": "Z\u00fcrich"}, {"city": "Zu\u0308rich"}),
    ("book", {"price": 10}, {"price": 10.0}),
    ("book", {"price": 10.0}, {"price": 10}),
    ("book", {"price": 1e2}, {"price": 100}),
    ("book", {"guests": 3}, {"guests": 3.0}),
    ("book", {"guests": 1}, {}),
    ("book", {}, {"guests": 1}),
    ("book", {}, {"guests": 1.0}),
    ("book", {"urgent": False}, {}),
    ("book", {}, {"urgent": False}),
    ("book", {"limit": 5}, {}),
    ("book", {"note": None}, {}),
    ("book", {}, {"note": None}),
    ("book", {"room": None}, {}),
    ("book", {"room": {"beds": 2}}, {"room": {}}),
    ("book", {"room": {"beds": 3, "view": "yard"}}, {"room": {"beds": 3}}),
    ("book", {"day": "2024-05-20"}, {"day": " 2024-05-20"}),
    ("book", {"day": "2024-05-20"}, {"day": "20 May 2024"}),
    ("book", {"day": "2024-05-20"}, {"day": "2024/05/20"}),
    ("book", {"day": "2024-05-20"}, {"day": "2024-05-20T00:00:00"}),
    (
        "book",
        {"start": "2024-05-20T10:00:00Z"},
        {"start": "2024-05-20T12:00:00+02:00"},
    ),
    ("book", {"start": "2024-05-20T10:00:00"}, {"start": "2024-05-20 10:00"}),
    ("book", {"when": 3}, {"when": 3.0}),
    ("book", {"when": "2024-05-20"}, {"when": "May 20, 2024"}),
    ("book", {"tags": ["1", "2"]}, {"tags": ["2", "1"]}),
    ("book", {"tags": ["a", "a", "b"]}, {"tags": ["a", "b", "a"]}),
    ("book", {"tags": []}, {"tags": []}),
    (
        "book",
        {"stops": [{"city": "Rome"}, {"city": "Oslo", "nights": 2}]},
        {"stops": [{"nights": 2, "city": "oslo"}, {"city": "ROME", "nights": 1}]},
    ),
    ("book", {"options": {"a": 1, "b": 2}}, {"options": {"b": 2.0, "a": 1}}),
    ("book", {"path": "src/a.py"}, {"path": "/repo/./src//a.py"}),
    ("book", {"path": "/repo/src/../b.py"}, {"path": "b.py"}),
    ("book", {"raw": {"x": [1, {"y": None}]}}, {"raw": {"x": [1.0, {"y": None}]}}),
    ("book", {"raw": True}, {"raw": True}),
    (
        "book",
        {"query": "cheap hotels near the station"},
        {"query": "hotels near station, cheap"},
    ),
    ("find", {"price": 10.0}, {"price": 10.005}),
    ("find", {"note": "call me"}, {"note": "ring me up"}),
    ("find", {"note": "call me"}, {}),
    ("find", {}, {"note": "anything"}),
    ("find", {"raw": "3rd of May 2024"}, {"raw": "2024-05-03"}),
    ("find", {"price": 1, "guests": 2}, {"guests": 2, "price": 1}),
]

NEAR_MISSES: list[tuple[str, Any, Any, VerdictReason]] = [
    ("book", {}, {"city": "London"}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {}, {"city": "paris"}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {}, {"city": ""}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"guests": 2}, {"guests": 3}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"guests": 2}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {}, {"guests": 2}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"guests": 1}, {"guests": True}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"guests": 2}, {"guests": "2"}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"guests": 2}, {"guests": 2.5}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {}, {"guests": None}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"price": 10}, {"price": 10.0001}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"price": 10}, {"price": "10"}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"price": 1}, {"price": True}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"price": 10}, {"price": -10}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"cabin": "economy"}, {"cabin": "first"}, VerdictReason.SCHEMA_VIOLATION),
    (
        "book",
        {"cabin": "economy"},
        {"cabin": "business"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    ("book", {"cabin": "economy"}, {}, VerdictReason.ARGUMENT_MISMATCH),
    (
        "book",
        {"day": "2024-05-20"},
        {"day": "2024-05-21"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"day": "2024-03-04"},
        {"day": "03/04/2024"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"start": "2024-05-20T10:00:00Z"},
        {"start": "2024-05-20T10:00:00"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"start": "2024-05-20T10:00:00Z"},
        {"start": "2024-05-20T10:00:00+02:00"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    ("book", {"note": "x"}, {"note": None}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"note": "x"}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"limit": None}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"limit": 5}, {"limit": None}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"urgent": True}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"urgent": False}, {"urgent": 0}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"urgent": False}, {"urgent": "false"}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {}, {"colour": "red"}, VerdictReason.SCHEMA_VIOLATION),
    ("free", {}, {"colour": "red"}, VerdictReason.ARGUMENT_MISMATCH),
    ("free", {"b": None}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"room": {"beds": 3}}, {"room": {}}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"room": {"beds": 2}}, {"room": None}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"room": {}}, {}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"when": 3}, {"when": "3"}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"when": 3}, {"when": True}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"tags": ["a"]}, {"tags": ["a", "a"]}, VerdictReason.ARGUMENT_MISMATCH),
    (
        "book",
        {"tags": ["a", "b"]},
        {"tags": ["a", "c"]},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "find",
        {"tags": ["a", "b"]},
        {"tags": ["b", "a"]},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    ("book", {"tags": ["a"]}, {"tags": "a"}, VerdictReason.SCHEMA_VIOLATION),
    ("book", {"tags": []}, {}, VerdictReason.ARGUMENT_MISMATCH),
    (
        "book",
        {"stops": [{"city": "Rome"}, {"city": "Oslo"}]},
        {"stops": [{"city": "Rome"}, {"city": "Rome"}]},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"stops": [{"city": "Rome"}]},
        {"stops": [{"city": "Rome", "nights": 2}]},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"stops": [{"city": "Rome"}]},
        {"stops": [{"nights": 1}]},
        VerdictReason.SCHEMA_VIOLATION,
    ),
    ("book", {"options": {"a": 1}}, {"options": {}}, VerdictReason.ARGUMENT_MISMATCH),
    (
        "book",
        {"options": {"a": 1}},
        {"options": {"a": "1"}},
        VerdictReason.SCHEMA_VIOLATION,
    ),
    ("book", {"path": "a.py"}, {"path": "/a.py"}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"path": "a.py"}, {"path": "A.py"}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"path": "a.py"}, {"path": ""}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"raw": 1}, {"raw": True}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"raw": 0}, {"raw": None}, VerdictReason.ARGUMENT_MISMATCH),
    ("book", {"raw": "1"}, {"raw": 1}, VerdictReason.ARGUMENT_MISMATCH),
    (
        "book",
        {"query": "refund the red shoes now"},
        {"query": "cancel the whole blue order"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    (
        "book",
        {"query": "move Ann to Bob's room"},
        {"query": "s room Bob to move Ann"},
        VerdictReason.ARGUMENT_MISMATCH,
    ),
    ("find", {"price": 10}, {"price": 10.02}, VerdictReason.ARGUMENT_MISMATCH),
    ("find", {"note": "x"}, {"note": 3}, VerdictReason.SCHEMA_VIOLATION),
]


@pytest.mark.parametrize(("tool", "demonstrated", "sampled"), EQUIVALENT_PAIRS)
def test_equivalent_arguments_pass(tool: str, demonstrated: Any, sampled: Any) -> None:
    verdict = _judge(demonstrated, sampled, tool)

    assert verdict == Verdict(1.0, VerdictReason.EQUIVALENT)


@pytest.mark.parametrize(("tool", "demonstrated", "sampled", "reason"), NEAR_MISSES)
def test_near_misses_fail_with_their_reason(
    tool: str, demonstrated: Any, sampled: Any, reason: VerdictReason
) -> None:
    verdict = _judge(demonstrated, sampled, tool)

    assert (verdict.reward, verdict.reason) == (0.0, reason), verdict.detail


def test_detail_names_the_argument_and_both_values() -> None:
    verdict = _judge(
        {"stops": [{"city": "Rome"}], "guests": 2},
        {"stops": [{"city": "Rome"}], "guests": 3},
    )

    assert verdict.detail == "book: guests: demonstrated 2, found 3"


def test_rule_for_everything_reaches_into_objects_and_arrays() -> None:
    parameters = ToolCallParameters.model_validate(
        {
            "kind": "tool_call",
            "scoring": "strict",
            "strings": {"kind": "exact"},
            "arguments": [
                {
                    "tool": "*",
                    "argument": "*",
                    "comparator": {"kind": "case_insensitive"},
                }
            ],
        }
    )
    demonstrated = {"city": "Rome", "stops": [{"city": "Oslo", "nights": 1}]}
    sampled = {"city": "rome", "stops": [{"city": "OSLO"}]}

    verdict = ToolCallVerifier(parameters).verify(
        STATE, _calls(("book", demonstrated)), _calls(("book", sampled))
    )

    assert verdict.reward == 1.0


def test_first_fitting_rule_decides() -> None:
    parameters = ToolCallParameters.model_validate(
        {
            "kind": "tool_call",
            "scoring": "strict",
            "strings": {"kind": "exact"},
            "arguments": [
                {"tool": "book", "argument": "city", "comparator": {"kind": "ignore"}},
                {"tool": "*", "argument": "*", "comparator": {"kind": "exact"}},
            ],
        }
    )

    assert isinstance(parameters.arguments[0], ArgumentRule)
    verifier = ToolCallVerifier(parameters)
    paris, rome = (_calls(("book", {"city": city})) for city in ("Paris", "Rome"))
    lower, upper = (_calls(("find", {"city": city})) for city in ("oslo", "Oslo"))
    assert verifier.verify(STATE, paris, rome).reward == 1.0
    assert verifier.verify(STATE, lower, upper).reward == 0.0
