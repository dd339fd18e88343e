import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pivotrl_pipeline.formats.expected_actions import make_expected_action
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import (
    IngestedTables,
    ingest_trajectories,
)
from pivotrl_pipeline.formats.nemo_gym_pivots import PROFILES

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
SETTINGS = IngestionSettings(
    "detect",
    only_successful=False,
    validation_rate=0.0,
    seed=0,
    max_rejected_rate=0.0,
)


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _call(name: str, call_id: str = "c1") -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": '{"a": 1}',
    }


def _output(call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "ok"}


def _label(name: str) -> dict[str, Any]:
    return {"type": "function_call", "name": name, "arguments": '{"a": 1}'}


def _row(
    items: list[dict[str, Any]], action: dict[str, Any], **fields: object
) -> dict[str, Any]:
    request = {"input": items, "tools": []}
    return {"responses_create_params": request, "expected_action": action, **fields}


def _ingest(rows: list[dict[str, Any]]) -> IngestedTables:
    return ingest_trajectories(rows, [], SETTINGS)


SHORT = [_user("hi")]
LONG = [
    _user("hi"),
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}]},
    _call("look_up"),
    _output(),
    {"role": "assistant", "content": [{"type": "output_text", "text": "found"}]},
    _user("thanks"),
]
BYE = {"type": "message", "content": "bye"}


@pytest.mark.parametrize("fields", [{}, {"trajectory_id": 7}], ids=["no id", "same id"])
def test_rows_of_one_trajectory_become_its_turns(fields: dict[str, object]) -> None:
    rows = [_row(SHORT, _label("look_up"), **fields), _row(LONG, BYE, **fields)]

    result = _ingest(rows)

    # the long row holds: call, "found", and its own action "bye"
    assert len(result.trajectories) == 1
    assert result.pivot_candidates["message_index"].tolist() == [1, 3, 5]
    assert len(result.rejected_trajectories) == 0


def test_a_turn_of_the_history_becomes_a_candidate_again() -> None:
    candidates = _ingest([_row(LONG, BYE)]).pivot_candidates

    first = json.loads(candidates["demonstrated_action"][0])
    assert first["reasoning_content"] == "why"
    assert first["tool_calls"][0]["function"] == {
        "name": "look_up",
        "arguments": '{"a": 1}',
    }


def test_another_action_at_the_same_state_stays_a_trajectory() -> None:
    rows = [_row(SHORT, _label("other")), _row(LONG, BYE)]

    assert len(_ingest(rows).trajectories) == 2


def test_rows_with_different_ids_are_not_joined() -> None:
    rows = [
        _row(SHORT, _label("look_up"), trajectory_id=1),
        _row(LONG, BYE, trajectory_id=2),
    ]

    assert _ingest(rows).trajectories["trajectory_id"].tolist() == ["1", "2"]


def test_ids_of_rows_do_not_keep_them_apart() -> None:
    rows = [_row(SHORT, _label("look_up"), uuid="a"), _row(LONG, BYE, uuid="b")]

    assert _ingest(rows).trajectories["trajectory_id"].tolist() == ["b"]


def test_pass_rates_of_other_policies_are_metadata_with_their_turn() -> None:
    rows = [
        _row(SHORT, _label("look_up"), pass_rate=0.25),
        _row(LONG, BYE, pass_rate=0.5, pass_rate_total=16),
    ]

    metadata = json.loads(_ingest(rows).trajectories["metadata"][0])

    assert metadata[PROFILES] == [
        {"turn_index": 0, "pass_rate": 0.25},
        {"turn_index": 2, "pass_rate": 0.5, "pass_rate_total": 16},
    ]


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ('{"instance_id": "i"}', {"instance_id": "i"}),
        ({"instance_id": "i"}, {"instance_id": "i"}),
        ("a note", {"metadata": "a note"}),
        (5, {"metadata": 5}),
    ],
)
def test_metadata_stands_beside_the_pass_rates(
    metadata: object, kept: dict[str, object]
) -> None:
    row = _row(SHORT, BYE, metadata=metadata, pass_rate=0.5)

    result = json.loads(_ingest([row]).trajectories["metadata"][0])

    profiles = [{"turn_index": 0, "pass_rate": 0.5}]
    assert result == {**kept, PROFILES: profiles}


def test_ids_in_metadata_that_is_json_text_are_read() -> None:
    metadata = '{"source_trajectory_uid": "u1", "instance_id": "i"}'

    trajectories = _ingest([_row(SHORT, BYE, metadata=metadata)]).trajectories

    assert trajectories["trajectory_id"].tolist() == ["u1"]
    assert trajectories["task_id"].tolist() == ["i"]


def test_reasoning_at_the_end_of_the_input_is_that_of_the_action() -> None:
    first = _row(LONG[:2], _label("look_up"), pass_rate=0.25)
    rows = [first, _row(LONG, BYE)]

    alone, joined = _ingest([first]), _ingest(rows)

    action = json.loads(alone.pivot_candidates["demonstrated_action"][0])
    assert alone.pivot_candidates["message_index"].tolist() == [1]
    assert action["reasoning_content"] == "why"
    assert [call["function"]["name"] for call in action["tool_calls"]] == ["look_up"]
    assert len(joined.trajectories) == 1
    assert json.loads(joined.trajectories["metadata"][0])[PROFILES] == [
        {"turn_index": 0, "pass_rate": 0.25}
    ]


def test_a_batch_label_is_one_turn_with_all_its_calls() -> None:
    batch = {"type": "function_call_batch", "calls": [_label("a"), _label("b")]}

    candidates = _ingest([_row(SHORT, batch)]).pivot_candidates

    calls = json.loads(candidates["demonstrated_action"][0])["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["a", "b"]
    assert make_expected_action({"content": None, "tool_calls": calls}) == batch


def test_a_terminal_answer_is_a_message() -> None:
    row = {
        "responses_create_params": {"input": SHORT},
        "expected_answer": '{"commands": []}',
        "metadata": {"source_trajectory_uid": "u1"},
        "task_name": "t1",
    }

    result = _ingest([row])

    assert result.trajectories["trajectory_id"].tolist() == ["u1"]
    assert result.trajectories["task_id"].tolist() == ["t1"]
    assert result.pivot_candidates["action_type"].tolist() == ["message"]


def test_an_unknown_label_is_refused() -> None:
    rows = [_row(SHORT, BYE), _row(SHORT, {"type": "dance"})]
    settings = replace(SETTINGS, format="nemo_gym_pivots", max_rejected_rate=0.5)

    rejected = ingest_trajectories(rows, [], settings).rejected_trajectories

    assert rejected["source_row"].tolist() == [2]
    assert (
        "expected_action is of type 'dance'; expected function_call,"
        in (rejected["detail"][0])
    )


@pytest.mark.parametrize("calls", [None, [], "x", 5, {"a": 1}, ["x"], [_label("a"), 1]])
def test_a_batch_label_without_calls_is_refused(calls: object) -> None:
    batch = {"type": "function_call_batch", "calls": calls}
    settings = replace(SETTINGS, max_rejected_rate=0.5)

    rejected = ingest_trajectories(
        [_row(SHORT, BYE), _row(SHORT, batch)], [], settings
    ).rejected_trajectories

    assert rejected["reason"].tolist() == ["malformed_call"]
    assert rejected["detail"][0].startswith(
        "raw_trajectories, row 2: expected_action.calls is "
    )


@pytest.mark.skipif(
    not SHARED_DATA.exists(),
    reason="the NeMo-Gym examples are not beside this checkout",
)
@pytest.mark.parametrize(
    ("name", "num_trajectories", "num_candidates"),
    [
        # assistant turns of each history, and the label: 1 + 1 + 4 + 6 + 3 and 5
        ("nemo_gym_single_step_tool_use", 5, 20),
        ("nemo_gym_swe_pivot", 5, 5),
        # calls and final messages: 2 + 2 + 3 + 3 + 3
        ("nemo_gym_workplace_rollouts", 5, 13),
    ],
)
def test_public_rows_are_read(
    name: str, num_trajectories: int, num_candidates: int
) -> None:
    lines = (SHARED_DATA / f"{name}.jsonl").read_text().splitlines()

    result = _ingest([json.loads(line) for line in lines])

    assert len(result.trajectories) == num_trajectories
    assert len(result.pivot_candidates) == num_candidates
    assert len(result.rejected_trajectories) == 0
