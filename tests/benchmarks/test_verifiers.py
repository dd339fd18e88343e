"""Speed of the verifiers, in processor time of one core.

Run by name: `pytest -m benchmark tests/benchmarks/test_verifiers.py`.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from pivotrl_pipeline.parameters.verifiers import MessageParameters, ToolCallParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.code_edit import code_similarity
from pivotrl_pipeline.verifiers.comparators import same_command
from pivotrl_pipeline.verifiers.judging import GuardedVerifier
from pivotrl_pipeline.verifiers.message import MessageVerifier
from pivotrl_pipeline.verifiers.shell_syntax import normalise_command
from pivotrl_pipeline.verifiers.tool_call import ToolCallVerifier

pytestmark = pytest.mark.benchmark

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "user_id": {"type": "string"},
        "e_mail": {"type": "string"},
        "cabin": {"type": "string", "enum": ["economy", "business"]},
        "insurance": {"type": "boolean", "default": False},
        "total": {"type": "number"},
        "flights": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "flight_number": {"type": "string"},
                    "date": {"type": "string", "format": "date"},
                },
                "required": ["flight_number", "date"],
            },
        },
    },
    "required": ["user_id", "flights"],
    "additionalProperties": False,
}
ARGUMENTS: dict[str, Any] = {
    "user_id": "sara_doe_496",
    "e_mail": "sara.doe@example.org",
    "cabin": "economy",
    "insurance": False,
    "total": 120,
    "flights": [
        {"flight_number": "HAT001", "date": "2024-05-20"},
        {"flight_number": "HAT002", "date": "2024-05-21"},
    ],
}
VARIANT: dict[str, Any] = {
    "flights": [
        {"date": "2024-05-20", "flight_number": "HAT001"},
        {"date": "2024-05-21", "flight_number": "HAT002"},
    ],
    "total": 120.0,
    "e_mail": "sara.doe@example.org ",
    "cabin": "economy",
    "user_id": "sara_doe_496",
}


def _tool(name: str, parameters: Any) -> Tool:
    return Tool(
        name,
        {"type": "function", "function": {"name": name, "parameters": parameters}},
    )


STATE = State(
    (), (*(_tool(f"tool_{index}", {}) for index in range(13)), _tool("book", SCHEMA))
)


def _tool_call_verifier() -> GuardedVerifier:
    parameters = ToolCallParameters.model_validate(
        {
            "kind": "tool_call",
            "scoring": "f1",
            "strings": {"kind": "trimmed"},
            "arguments": [
                {
                    "tool": "*",
                    "argument": "user_id",
                    "comparator": {"kind": "case_insensitive"},
                }
            ],
        }
    )
    return GuardedVerifier(ToolCallVerifier(parameters))


def _message_verifier(rule: dict[str, Any]) -> GuardedVerifier:
    parameters = MessageParameters.model_validate({"kind": "message", "rule": rule})
    return GuardedVerifier(MessageVerifier(parameters))


def _call(arguments: str | dict[str, Any], name: str = "book") -> Action:
    return Action(tool_calls=(make_tool_call(name, arguments),))


def _fastest(function: Callable[[], object], *, repeats: int, number: int) -> float:
    """Processor seconds per call in the fastest, least disturbed round."""
    rounds = []
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(number):
            function()
        rounds.append((time.process_time() - started) / number)
    return min(rounds)


def test_twenty_thousand_tool_call_verdicts_per_second() -> None:
    verifier = _tool_call_verifier()
    demonstrated, sampled = _call(ARGUMENTS), _call(VARIANT)
    assert len(demonstrated.tool_calls[0].arguments_text) >= 200
    assert verifier.verify(STATE, demonstrated, sampled).reward == 1.0

    seconds = _fastest(
        lambda: verifier.verify(STATE, demonstrated, sampled), repeats=7, number=2_000
    )

    assert 1 / seconds >= 20_000, f"{1 / seconds:,.0f} verdicts per second"


GIANT = "x" * 100_000
WORDS = "lorem ipsum " * 8_000
PATHOLOGICAL_CALLS = {
    "giant string": ({"a": GIANT}, json.dumps({"a": GIANT + "y"})),
    "giant strings that differ in case": (
        {"a": GIANT},
        json.dumps({"a": GIANT.upper()}),
    ),
    "giant combining marks": (
        {"a": "e\u0301" * 50_000},
        json.dumps({"a": "e" * 100_000}),
    ),
    "giant key": ({"a": "x"}, json.dumps({GIANT: 1})),
    "many keys": ({"a": "x"}, json.dumps({str(i): i for i in range(10_000)})),
    "many words": ({"b": WORDS}, json.dumps({"b": WORDS + "dolor"})),
    "long array": ({"c": list(range(10_000))}, json.dumps({"c": list(range(10_000))})),
    "long set": ({"c": [1] * 10_000}, json.dumps({"c": [2] * 10_000})),
    "wide set": ({"c": list(range(64))}, json.dumps({"c": list(range(64))[::-1]})),
    "nested brackets": ({"a": "x"}, '{"a":' + "[" * 10_000 + "]" * 10_000 + "}"),
    "unclosed brackets": ({"a": "x"}, '{"a":' + "[" * 10_000),
    "nested braces": ({"a": "x"}, '{"a":' * 10_000 + "1" + "}" * 10_000),
    "long digits": ({"a": 1}, '{"a":' + "9" * 4_000 + "}"),
}


@pytest.mark.parametrize("case", PATHOLOGICAL_CALLS)
def test_pathological_call_is_answered_within_50_ms(case: str) -> None:
    arguments, text = PATHOLOGICAL_CALLS[case]
    verifier = ToolCallVerifier(
        ToolCallParameters.model_validate(
            {
                "kind": "tool_call",
                "scoring": "f1",
                "strings": {"kind": "case_insensitive"},
                "arguments": [
                    {
                        "tool": "*",
                        "argument": "b",
                        "comparator": {
                            "kind": "similarity",
                            "measure": "rouge_l",
                            "threshold": 0.5,
                        },
                    },
                    {"tool": "*", "argument": "c", "comparator": {"kind": "unordered"}},
                ],
            }
        )
    )
    state = State((), (_tool("book", {"type": "object"}),))
    demonstrated = _call(arguments)

    seconds = _fastest(
        lambda: GuardedVerifier(verifier).verify(state, demonstrated, _call(text)),
        repeats=3,
        number=1,
    )

    assert seconds < 0.05, f"{1000 * seconds:.1f} ms"


RULES: dict[str, dict[str, Any]] = {
    "facts": {
        "kind": "facts",
        "facts": ["ids", "numbers", "dates", "codes", "names"],
        "added_facts": "known",
        "outcomes": [["placed"]],
        "min_token_f1": 0.2,
        "min_token_f1_without_facts": 0.5,
    },
    "token_f1": {"kind": "token_f1", "threshold": 0.5},
    "rouge_l": {"kind": "rouge_l", "threshold": 0.5},
}
PATHOLOGICAL_TEXTS = {
    "giant word": GIANT,
    "giant words": WORDS,
    "invisible": "\u200b" * 100_000,
    "digits": "1" * 100_000,
    "thousands": "1," + "111," * 25_000,
    "brackets": "[" * 100_000,
    "angles": "<" * 100_000,
    "fence": "```" + " " * 100_000 + "```",
    "at signs": "a@" * 50_000,
    "dashes": "a-" * 50_000,
    "questions": "?" * 100_000,
    "spaces": "a" + " " * 100_000 + "b",
    "quote": "`" * 100_000,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", PATHOLOGICAL_TEXTS)
def test_pathological_message_is_answered_within_50_ms(case: str, rule: str) -> None:
    verifier = _message_verifier(RULES[rule])
    text = PATHOLOGICAL_TEXTS[case]
    sampled, demonstrated = Action(text), Action("Order O12 is placed." + text[:19_000])

    seconds = _fastest(
        lambda: verifier.verify(STATE, demonstrated, sampled), repeats=3, number=1
    )

    assert seconds < 0.05, f"{1000 * seconds:.1f} ms"


LONG_COMMANDS = {
    "many words": "a " * 50_000,
    "many commands": "a;" * 50_000,
    "just below the limit": "a " * 490,
    "commands below the limit": "a;" * 240,
    "nested substitutions": "$(" * 2_000,
    "nested subshells": "(" * 240,
    "open quotes": "'" * 4_000,
    "backslashes": "\\" * 4_000,
    "expansions": "$x" * 2_000,
    "here-documents": "a<<b\n" * 240,
    "giant word": GIANT,
}


@pytest.mark.parametrize("case", LONG_COMMANDS)
def test_pathological_command_is_answered_within_50_ms(case: str) -> None:
    pytest.importorskip("bashlex")
    compare = same_command(directory="", keeps_directory=False)
    command = LONG_COMMANDS[case]
    normalise_command.cache_clear()

    seconds = _fastest(lambda: compare("ls -la", command), repeats=1, number=1)

    assert seconds < 0.05, f"{1000 * seconds:.1f} ms"


GIANT_TEXTS = {
    "one line": GIANT,
    "one token a character": "(" * 100_000,
    "short lines": "x\n" * 50_000,
    "tokens below the limit": "( " * 5_000,
    "blank lines": "\n" * 100_000,
}


@pytest.mark.parametrize("case", GIANT_TEXTS)
def test_pathological_edit_is_answered_within_50_ms(case: str) -> None:
    text = GIANT_TEXTS[case]

    seconds = _fastest(lambda: code_similarity(text, f"{text}y"), repeats=3, number=1)

    assert seconds < 0.05, f"{1000 * seconds:.1f} ms"
