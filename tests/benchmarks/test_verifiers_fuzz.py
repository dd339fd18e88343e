"""A million random and mutated actions: no verifier raises, every reward is a share.

Run by name: `pytest -m benchmark tests/benchmarks/test_verifiers_fuzz.py`; the variable
PIVOTRL_FUZZ_ACTIONS sets another number of actions.
"""

import json
import os
import random
import string
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import (
    Action,
    Message,
    Role,
    make_tool_call,
    message_from_json,
)
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.build import build_verifiers

pytestmark = pytest.mark.benchmark

NUM_ACTIONS = int(os.environ.get("PIVOTRL_FUZZ_ACTIONS", "1000000"))
ROWS = Path(__file__).parents[2] / "data/01_raw/order_desk_trajectories.jsonl"
FACTS = {
    "kind": "facts",
    "facts": ["ids", "numbers", "dates", "codes", "names"],
    "added_facts": "known",
    "outcomes": [["placed"], ["out of stock"]],
    "min_token_f1": 0.1,
    "min_token_f1_without_facts": 0.5,
}
TOOL_CALL: dict[str, Any] = {
    "kind": "tool_call",
    "scoring": "f1",
    "strings": {"kind": "case_insensitive"},
    "arguments": [
        {"tool": "*", "argument": "*[[]]", "comparator": {"kind": "date"}},
        {
            "tool": "find*",
            "argument": "name",
            "comparator": {
                "kind": "similarity",
                "measure": "rouge_l",
                "threshold": 0.5,
            },
        },
        {
            "tool": "place*",
            "argument": "quantity",
            "comparator": {"kind": "numeric_tolerance", "absolute": 1, "relative": 0},
        },
        {"tool": "*", "argument": "status", "comparator": {"kind": "unordered"}},
        {
            "tool": "*",
            "argument": "order_id",
            "comparator": {"kind": "path", "root": ""},
        },
    ],
}
NEMO_GYM = {
    "kind": "nemo_gym",
    "word_threshold": 0.1,
    "float_tolerance": 1e-6,
    "parallel_rewarding": True,
    "mode": "f1",
    "allow_subset": True,
    "allow_superset": True,
}
SHELL = {
    **TOOL_CALL,
    "kind": "shell",
    "tool": "*",
    "argument": "name",
    "directory": "/repo",
    "keeps_directory": True,
    "arguments": [],
}
CODE_EDIT = {
    "kind": "code_edit",
    "tools": [
        {"tool": tool.name, "command": "", "category": category}
        for tool, category in zip(
            DESK_TOOLS,
            ["run", "read", "write", "edit", "insert", "search", "undo", "think"],
            strict=True,
        )
    ],
    "root": "/repo",
    "similarity": 0.5,
    "range_coverage": 0.5,
}
ADAPTER: TypeAdapter[Any] = TypeAdapter(dict[str, VerifierParameters])
FAST = build_verifiers(
    ADAPTER.validate_python(
        {
            "functional": {
                "kind": "by_action_type",
                "tool_call": TOOL_CALL,
                "message": {"kind": "message", "rule": FACTS},
            },
            "nemo_gym": NEMO_GYM,
            "exact_match": {"kind": "exact_match"},
            "code_edit": {
                "kind": "by_action_type",
                "tool_call": CODE_EDIT,
                "message": {
                    "kind": "message",
                    "rule": {"kind": "rouge_l", "threshold": 0.5},
                },
            },
        }
    )
)
SHELL_VERIFIERS = build_verifiers(
    ADAPTER.validate_python(
        {
            "shell": {
                "kind": "by_action_type",
                "tool_call": SHELL,
                "message": {"kind": "message", "rule": {"kind": "any"}},
            }
        }
    )
)
REPLAY = build_verifiers(
    ADAPTER.validate_python({"replay": {"kind": "replay", "max_calls": 8}})
)
ALPHABET = (
    string.printable
    + "\x00\u200b\u0301\u00e9\u4e1c\U0001f44d\ud800\u2028'\"\\{}[]<>$`|&;()#*~!"
)
PIECES = [
    "<tool_call>",
    "</tool_call>",
    '{"name":',
    "null",
    "true",
    "1e999",
    "-0",
    "2024-05-20",
    "May 5",
    "O12",
    "10:30 pm",
    "$(",
    "&&",
    "cd x;",
    "<<EOF\n",
    "[[",
    "\\u0000",
    "\\ud800",
    "3,000.50",
    "1)",
]


def _read_turns() -> list[tuple[State, Action]]:
    turns = []
    for line in ROWS.read_text(encoding="utf-8").splitlines()[:60]:
        row = json.loads(line)
        messages = tuple(map(message_from_json, row["messages"]))
        for index, message in enumerate(messages):
            if message.role is Role.ASSISTANT:
                state = State(messages[:index], DESK_TOOLS, row["metadata"])
                turns.append((state, Action.from_message(message)))
    return turns


def _mutate_text(text: str, source: random.Random) -> str:
    for _ in range(source.choice((1, 1, 2, 4))):
        start = source.randint(0, len(text))
        end = min(len(text), start + source.choice((0, 0, 1, 3, 9)))
        new = source.choice(
            (
                "".join(source.choices(ALPHABET, k=source.randint(0, 4))),
                source.choice(PIECES),
                text[start:end] * source.randint(0, 3),
            )
        )
        text = text[:start] + new + text[end:]
    return text


def _random_value(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(8 if depth < 3 else 6)
    if kind < 2:
        return "".join(source.choices(ALPHABET, k=source.randint(0, 12)))
    if kind == 2:
        return source.choice((0, 1, -1, 2, 10**30, 0.5, 1.0, -0.0, 1e308))
    if kind == 3:
        return source.choice((None, True, False))
    if kind < 6:
        return source.choice(PIECES)
    children = [_random_value(source, depth + 1) for _ in range(source.randint(0, 3))]
    if kind == 6:
        return children
    keys = source.choices(["name", "email", "status", "quantity", "x"], k=len(children))
    return dict(zip(keys, children, strict=True))


def _mutate(action: Action, source: random.Random) -> Action:
    kind = source.randrange(6)
    if kind == 0:
        return Action(_mutate_text(action.content or "Order O12 placed.", source))
    if kind == 1:
        return parse_action(_mutate_text(_spell_out(action), source), DESK_TOOLS)
    calls = list(action.tool_calls) or [
        make_tool_call("find_customer", {"name": "Ann"})
    ]
    for index, call in enumerate(calls):
        if kind == 2:
            text = _mutate_text(call.arguments_text, source)
            calls[index] = make_tool_call(call.name, text)
        elif kind == 3:
            arguments = dict(call.arguments or {})
            arguments[
                source.choice(["name", "status", "quantity", "order_id", "x"])
            ] = _random_value(source)
            calls[index] = make_tool_call(call.name, json.dumps(arguments))
        elif kind == 4:
            name = source.choice(DESK_TOOLS).name
            calls[index] = make_tool_call(
                name, json.dumps({"name": _random_value(source)})
            )
    if kind == 5:
        calls = calls * source.randint(0, 3)
    return Action(source.choice((None, "", "hm")), tuple(calls))


def _spell_out(action: Action) -> str:
    return "".join(
        f'<tool_call>\n{{"name": "{call.name}", "arguments": {call.arguments_text}}}\n'
        "</tool_call>"
        for call in action.tool_calls
    ) or (action.content or "")


def _check(
    verifier: Verifier, state: State, demonstrated: Action, action: Action
) -> None:
    reward = verifier.verify(state, demonstrated, action).reward
    assert reward is not None, action
    assert 0.0 <= reward <= 1.0, action


def test_no_action_makes_a_verifier_raise() -> None:
    source = random.Random(20_260_322)
    turns = _read_turns()

    for index in range(NUM_ACTIONS):
        state, demonstrated = turns[index % len(turns)]
        action = _mutate(demonstrated, source)
        for verifier in FAST.values():
            _check(verifier, state, demonstrated, action)
        if index % 20 == 0:
            # To parse a command or to play a turn takes a hundred times longer than
            # any other verdict.
            _check(REPLAY["replay"], state, demonstrated, action)
            demonstrated = Action(tool_calls=(make_tool_call("find_customer", {}),))
            typed = {"name": _mutate_text("cd src && ls -la | grep 'x' > out", source)}
            call = make_tool_call("find_customer", json.dumps(typed))
            shell = SHELL_VERIFIERS["shell"]
            _check(shell, state, demonstrated, Action(tool_calls=(call,)))
            _check(shell, state, Action(tool_calls=(call,)), Action(tool_calls=(call,)))


def test_history_of_strange_messages_does_not_raise() -> None:
    source = random.Random(1)
    demonstrated = Action("Order O12 placed.")

    for _ in range(min(NUM_ACTIONS, 2_000)):
        prefix = tuple(
            Message(source.choice(list(Role)), _mutate_text("Ann bought O12.", source))
            for _ in range(3)
        )
        action = _mutate(demonstrated, source)
        _check(FAST["functional"], State(prefix, DESK_TOOLS), demonstrated, action)
