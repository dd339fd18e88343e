"""The demonstrated action of every recorded turn passes its own verifier."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import (
    Action,
    Message,
    Role,
    Tool,
    make_tool_call,
    message_from_json,
)
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifiers

DATA = Path(__file__).parents[3] / "shared" / "data"
VERIFIERS = build_verifiers(
    TypeAdapter(dict[str, VerifierParameters]).validate_python(
        yaml.safe_load((parameters.__doc__ or "").split("::", 1)[1])["verifiers"]
    )
)
Turn = tuple[State, Action]


def _read(name: str) -> str:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path.name} lies outside the repository and is absent here")
    return path.read_text(encoding="utf-8")


def _airline_turns() -> Iterator[Turn]:
    tools = tuple(
        Tool(entry["function"]["name"], entry)
        for entry in json.loads(_read("tau_bench_airline_tools.json"))
    )
    for run in json.loads(_read("tau_bench_airline_gpt-4o.json")):
        messages = tuple(message_from_json(row) for row in run["traj"])
        for index, message in enumerate(messages):
            if message.role is Role.ASSISTANT:
                yield State(messages[:index], tools), Action.from_message(message)


def _gym_turns(name: str) -> Iterator[Turn]:
    for line in _read(name).splitlines():
        row = json.loads(line)
        request = row["responses_create_params"]
        tools = tuple(
            Tool(entry["name"], {"type": "function", "function": entry})
            for entry in request.get("tools") or []
        )
        prefix = (Message(Role.USER, json.dumps(request["input"])),)
        yield State(prefix, tools), _gym_action(row["expected_action"])


def _gym_action(expected: dict[str, Any]) -> Action:
    if expected["type"] == "message":
        return Action(expected["content"])
    return Action(tool_calls=(make_tool_call(expected["name"], expected["arguments"]),))


def _failures(turns: list[Turn], verifier: str) -> list[Verdict]:
    verdicts = [VERIFIERS[verifier].verify(state, act, act) for state, act in turns]
    return [verdict for verdict in verdicts if verdict.reason is not EQUIVALENT]


EQUIVALENT = VerdictReason.EQUIVALENT


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_every_turn_of_the_airline_runs_passes(verifier: str) -> None:
    turns = list(_airline_turns())

    assert len(turns) == 2454
    assert _failures(turns, verifier) == []


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize(
    "name", ["nemo_gym_single_step_tool_use.jsonl", "nemo_gym_swe_pivot.jsonl"]
)
def test_every_pivot_row_of_the_gym_passes(name: str, verifier: str) -> None:
    turns = list(_gym_turns(name))

    assert len(turns) == 5
    assert _failures(turns, verifier) == []
