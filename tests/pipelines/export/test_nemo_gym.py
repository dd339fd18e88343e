"""The rows for NeMo-Gym against its demands and, where installed, its own code."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest

from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.parameters.export import ExportParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.pipelines.export.nodes import export_nemo_gym

SERVER = "resources_servers.single_step_tool_use_with_argument_comparison"
INGESTION = IngestionSettings(
    "openai",
    only_successful=False,
    validation_rate=0.0,
    seed=0,
    max_rejected_rate=0.0,
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "f",
            "description": "All that a tool can say.",
            "parameters": {"type": "object", "properties": {"v": {}}},
            "strict": True,
            "returns": {"type": "string"},
        },
    },
    {"type": "function", "function": {"name": "g"}},
]
ODD_VALUES = [
    *(1, 1.0, None, True, "", "two words", "ü 漢字 😀", [], {}, 10**30, 1e308),
    [1, [2.0, [None, {"a": [{}]}]]],
    '{"a": "</tool_call>"}',
]


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"type": "function", "function": function}


def _turn(
    *calls: dict[str, Any], content: str | None = None, reasoning: str | None = None
) -> list[dict[str, Any]]:
    turn: dict[str, Any] = {"role": "assistant", "content": content}
    turn |= {"tool_calls": list(calls)} if calls else {}
    turn |= {"reasoning_content": reasoning} if reasoning else {}
    return [turn, *({"role": "tool", "content": "ok"} for _ in calls)]


def _trajectory(name: str, *turns: list[dict[str, Any]]) -> dict[str, Any]:
    messages = [{"role": "user", "content": "go"}, *(m for turn in turns for m in turn)]
    return {"trajectory_id": name, "task_id": f"{name}/ü 漢", "messages": messages}


REASONED = _trajectory(
    "reasoned",
    _turn(_call("f", '{"v":1}'), reasoning="first"),
    [*_turn(content="Which?", reasoning="second"), {"role": "user", "content": "A."}],
    _turn(
        _call("f", '{"v":1}'),
        _call("f", ' {"v": 1.0} '),
        _call("g", "{}"),
        content="Both.",
        reasoning="third",
    ),
    _turn(content=""),
)
ODD = [
    _trajectory(f"odd-{number}", _turn(_call("f", json.dumps({"v": value}))))
    for number, value in enumerate(ODD_VALUES)
]
HELD_OUT = _trajectory("held-out", _turn(content="Done."))
INFINITE = _trajectory("infinite", _turn(_call("f", '{"v":[1e999]}')))


def _export(
    *trajectories: dict[str, Any], reasoning: str = "keep_all"
) -> list[dict[str, Any]]:
    """The training rows as a reader of the file has them; each turn is a pivot."""
    ingested = ingest_trajectories([*trajectories, HELD_OUT], TOOLS, INGESTION)
    table = ingested.trajectories
    is_held_out = table["trajectory_id"] == HELD_OUT["trajectory_id"]
    table = table.assign(split=is_held_out.map({True: "validation", False: "train"}))
    policy = PolicyParameters.model_validate(
        {
            "device": "cpu",
            "dtype": "float32",
            "max_tokens_in_flight": 1024,
            "reasoning": reasoning,
        }
    )
    candidates = ingested.pivot_candidates
    is_pivot = candidates["trajectory_id"] != HELD_OUT["trajectory_id"]
    train, _ = export_nemo_gym(
        table,
        candidates,
        candidates[is_pivot],
        policy,
        ExportParameters(nemo_gym_agent="agent"),
    )
    return [json.loads(json.dumps(row)) for row in train]


def _reasoning_ids(row: dict[str, Any]) -> list[str]:
    items = row["responses_create_params"]["input"]
    return [item["id"] for item in items if item["type"] == "reasoning"]


def test_tools_say_what_the_server_demands_and_nothing_it_refuses() -> None:
    tools = _export(REASONED)[0]["responses_create_params"]["tools"]

    assert tools == [
        {
            "type": "function",
            "name": "f",
            "description": "All that a tool can say.",
            "parameters": {"type": "object", "properties": {"v": {}}},
            "strict": True,
        },
        {"type": "function", "name": "g", "parameters": None, "strict": None},
    ]


def test_reasoning_has_an_id() -> None:
    last = _export(REASONED)[-1]

    assert _reasoning_ids(last) == ["reasoning-1", "reasoning-4", "reasoning-7"]


@pytest.mark.parametrize(
    ("reasoning", "texts"),
    [
        ("keep_all", ["first", "second", "third"]),
        ("since_last_user", ["third"]),
        ("drop", []),
    ],
)
def test_input_shows_the_reasoning_that_the_profiled_policy_saw(
    reasoning: str, texts: list[str]
) -> None:
    items = _export(REASONED, reasoning=reasoning)[-1]["responses_create_params"][
        "input"
    ]

    found = [item["summary"] for item in items if item["type"] == "reasoning"]
    assert [parts[0]["text"] for parts in found] == texts


def test_request_does_not_tell_how_many_calls_were_demonstrated() -> None:
    requests = [row["responses_create_params"] for row in _export(REASONED)]

    assert [request["parallel_tool_calls"] for request in requests] == [True] * 4


def test_turns_that_no_answer_can_satisfy_are_left_out_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = _export(*ODD, INFINITE)

    assert len(rows) == len(ODD)
    assert "cannot reward 1 of 14 turns" in caplog.text
    assert "infinite" in caplog.text


def _respond(action: dict[str, Any]) -> dict[str, Any]:
    """The response of a model that takes this action."""
    calls = action.get("calls", [action])
    if action["type"] == "message":
        text = {"type": "output_text", "text": action["content"], "annotations": []}
        output = [{"id": "0", "type": "message", "role": "assistant"}]
        output[0] |= {"status": "completed", "content": [text]}
    else:
        output = [{**call, "call_id": str(n)} for n, call in enumerate(calls)]
    return {
        "id": "0",
        "created_at": 0.0,
        "model": "policy",
        "object": "response",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _spoil(action: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Wrong answers: the other kind of action, another tool, a surplus argument."""
    if action["type"] == "message":
        yield {"type": "function_call", "name": "f", "arguments": "{}"}
        return
    yield {"type": "message", "content": "ok"}
    calls = action.get("calls", [action])
    for changed in ({"name": "h"}, {"arguments": '{"v":1,"w":1}'}):
        yield {
            "type": "function_call_batch",
            "calls": [{**call, **changed} for call in calls],
        }


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("rewards_parallel_calls", [False, True])
def test_nemo_gym_takes_every_row_and_rewards_the_demonstrated_action_alone(
    rewards_parallel_calls: bool,
) -> None:
    app = pytest.importorskip(f"{SERVER}.app", reason="nemo-gym is not installed")
    utils = pytest.importorskip("nemo_gym.server_utils")
    server = app.SingleStepToolUseArgumentComparisonResourcesServer(
        config=app.SingleStepToolUseArgumentComparisonResourcesServerConfig(
            host="localhost",
            port=1,
            entrypoint="",
            name="server",
            tool_call_comparator_config={
                "word_count_similarity_threshold": 0.1,
                "parallel_tool_call_rewarding": rewards_parallel_calls,
            },
        ),
        server_client=MagicMock(spec=utils.ServerClient),
    )

    def reward(row: dict[str, Any], action: dict[str, Any]) -> float:
        body = app.SingleStepToolUseArgumentComparisonVerifyRequest.model_validate(
            {**row, "response": _respond(action)}
        )
        answer = asyncio.run(server.verify(body)).model_dump_json()
        return float(json.loads(answer)["reward"])

    rows = _export(REASONED, *ODD)

    assert len(rows) == 4 + len(ODD_VALUES)
    for row in rows:
        label = row["expected_action"]
        assert reward(row, label) == 1.0
        assert {reward(row, wrong) for wrong in _spoil(label)} == {0.0}
