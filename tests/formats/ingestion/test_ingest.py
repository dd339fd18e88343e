import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.formats.ingestion.ingesting import ingest, make_row, make_settings

from pivotrl_pipeline.errors import ConfigurationError, PolicyError, TrajectoryError
from pivotrl_pipeline.formats.base import RawRow
from pivotrl_pipeline.formats.ingestion import batches
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.formats.ingestion.prompt_lengths import measure_prompts
from pivotrl_pipeline.records import tables
from pivotrl_pipeline.records.messages import dump_json


def test_every_assistant_turn_is_a_candidate_named_by_its_place() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look_up", "arguments": "{}"},
    }
    messages = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "found", "tool_call_id": "c1"},
        {"role": "assistant", "content": "done"},
    ]

    result = ingest([{"trajectory_id": "run", "messages": messages}])

    candidates = result.pivot_candidates
    assert candidates["candidate_id"].tolist() == ["run#0", "run#1"]
    assert candidates["message_index"].tolist() == [2, 4]
    assert candidates["action_type"].tolist() == ["tool_call", "message"]
    assert json.loads(candidates["demonstrated_action"][0]) == messages[2]
    assert json.loads(result.trajectories["messages"][0]) == messages


def test_a_copied_step_of_atif_is_no_candidate() -> None:
    steps = [
        {"source": "agent", "message": "old", "is_copied_context": True},
        {"source": "user", "message": "go on"},
        {"source": "agent", "message": "new"},
    ]
    row = {"schema_version": "ATIF-v1.7", "trajectory_id": "run", "steps": steps}

    result = ingest([row], format="atif")

    assert result.pivot_candidates["candidate_id"].tolist() == ["run#1"]
    assert result.pivot_candidates["turn_index"].tolist() == [1]
    assert result.pivot_candidates["message_index"].tolist() == [2]
    assert len(json.loads(result.trajectories["messages"][0])) == 3


def test_all_tables_satisfy_their_schemas() -> None:
    rows = [make_row(success=True), make_row(answer="bye"), {"messages": []}]

    result = ingest(rows)

    tables.Trajectories.validate(result.trajectories, lazy=True)
    tables.PivotCandidates.validate(result.pivot_candidates, lazy=True)
    tables.RejectedTrajectories.validate(result.rejected_trajectories, lazy=True)
    assert result.rejected_trajectories["source_row"].tolist() == [3]


def test_no_rejected_row_gives_an_empty_table_of_the_same_types() -> None:
    result = ingest([make_row()])

    rejected = tables.RejectedTrajectories.validate(
        result.rejected_trajectories, lazy=True
    )
    assert len(rejected) == 0


def test_a_refused_row_has_its_address_and_reason() -> None:
    rows = [
        RawRow("runs.jsonl", 1, "line", json.dumps(make_row())),
        RawRow("runs.jsonl", 2, "line", b'{"messages": ['),
    ]

    rejected = ingest(rows).rejected_trajectories

    assert rejected["source_row"].tolist() == [2]
    assert rejected["reason"].tolist() == ["malformed_line"]
    assert rejected["detail"][0].startswith("runs.jsonl, line 2: the line is not JSON")


def test_too_many_faulty_rows_end_the_run_with_a_table_of_reasons() -> None:
    rows = [make_row(), {"messages": []}, {"messages": 1}, {"messages": []}]

    with pytest.raises(TrajectoryError) as caught:
        ingest(rows, max_rejected_rate=0.5)

    # 3 of 4 rows are faulty
    assert "3 of 4 rows of raw_trajectories are faulty (75.0%)" in str(caught.value)
    assert "| no_assistant_turn | 2 | raw_trajectories, row 2: " in str(caught.value)
    assert "| malformed_row | 1 | raw_trajectories, row 3: " in str(caught.value)


def test_unwanted_rows_do_not_count_as_faulty() -> None:
    rows = [
        make_row(success=True),
        make_row(success=False),
        make_row(success=False),
        make_row(),
    ]

    result = ingest(rows, only_successful=True, max_rejected_rate=0.0)

    assert len(result.trajectories) == 1
    assert result.rejected_trajectories["reason"].tolist() == ["not_successful"] * 3


@pytest.mark.parametrize("format_name", ["nemo_gym_pivots", "detect"])
def test_rows_are_counted_as_they_come_in_even_where_they_are_joined(
    format_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    question = {"role": "user", "content": "hi"}
    answer = {"role": "assistant", "content": "hello"}
    rows: list[dict[str, object]] = [
        {
            "responses_create_params": {"input": [question, answer] * n + [question]},
            "expected_action": {"type": "message", "content": "hello"},
        }
        for n in range(19)
    ]
    rows.append({**rows[0], "expected_action": {"type": "unknown"}})

    # 1 of 20 rows is faulty, which is 5 %
    with caplog.at_level(logging.INFO):
        result = ingest(rows, format=format_name, max_rejected_rate=0.05)

    assert len(result.trajectories) == 1
    assert "1 trajectories with 19 assistant turns from 20 rows" in caplog.text
    assert "1 of 20 rows were left out (5.0%)" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "none of 0 rows"), ([{"messages": []}], "none of 1 rows")],
)
def test_nothing_left_is_an_error(rows: list[object], message: str) -> None:
    with pytest.raises(TrajectoryError, match=message):
        ingest(rows, max_rejected_rate=1.0)


def test_ids_are_made_from_the_content() -> None:
    first = ingest([make_row("a"), make_row("b")]).trajectories["trajectory_id"]
    second = ingest([make_row("b"), make_row("c"), make_row("a")]).trajectories[
        "trajectory_id"
    ]

    assert first[0] == second[2]
    assert first[1] == second[0]
    assert len({*first, *second}) == 3


def test_calls_of_unlisted_tools_are_told(caplog: pytest.LogCaptureFixture) -> None:
    function = {"name": "look_up", "arguments": "{}"}
    call = {"id": "c1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    with caplog.at_level(logging.INFO):
        ingest([{"messages": [message]}])

    assert "1 calls in 1 trajectories use a tool that the trajectory does not" in (
        caplog.text
    )


def test_tools_of_the_row_win_over_those_beside() -> None:
    def tool(name: str) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "parameters": {}}}

    rows = [make_row("a", tools=[tool("own")]), make_row("b")]

    result = ingest_trajectories(rows, [tool("beside")], make_settings())

    names = [
        json.loads(text)[0]["function"]["name"] for text in result.trajectories["tools"]
    ]
    assert names == ["own", "beside"]


def test_tools_that_only_seem_equal_are_written_as_they_are() -> None:
    def tool(default: object) -> dict[str, Any]:
        parameters = {"properties": {"n": {"default": default}}}
        return {"type": "function", "function": {"name": "f", "parameters": parameters}}

    defaults = [1, 1.0, True, None, 2**70, "1", "\U0001f600", 1]
    rows = [make_row(str(n), tools=[tool(value)]) for n, value in enumerate(defaults)]

    texts = ingest(rows).trajectories["tools"].tolist()

    assert texts == [dump_json([tool(value)]) for value in defaults]


HALF = "cut \ud83d"


def _call(arguments: dict[str, object]) -> list[dict[str, Any]]:
    function = {"name": "f", "arguments": json.dumps(arguments)}
    call = {"id": "c1", "type": "function", "function": function}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    return [{"role": "user", "content": "hi"}, turn]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (make_row(HALF), "message 1"),
        ({"messages": _call({"v": [HALF]})}, "a call of message 1"),
        ({"messages": _call({HALF: 1})}, "a call of message 1"),
        (
            make_row(tools=[{"type": "function", "function": {"name": HALF}}]),
            "the list of tools",
        ),
    ],
)
def test_a_text_that_was_cut_inside_a_character_is_refused(
    row: dict[str, Any], place: str
) -> None:
    whole = {"messages": _call({"v": "\U0001f600 \\ud83d"})}

    result = ingest([row, whole])

    (rejected,) = result.rejected_trajectories.itertuples()
    assert rejected.reason == "half_surrogate_pair"
    assert f"{place} holds half a surrogate pair" in rejected.detail
    assert len(result.trajectories) == 1


def test_runs_of_one_task_stay_on_one_side_whatever_is_added() -> None:
    rows = [make_row(str(n), id=str(n), task_id=f"task-{n // 2}") for n in range(40)]

    few = ingest(rows[:20]).trajectories.set_index("trajectory_id")
    many = ingest(list(reversed(rows))).trajectories.set_index("trajectory_id")

    assert many.groupby("task_id")["split"].nunique().eq(1).all()
    assert set(many["split"]) == {"train", "validation"}
    assert many["split"][few.index].equals(few["split"])


def test_the_first_readable_row_decides_the_format() -> None:
    rows = [RawRow("f", 1, "line", b"{"), RawRow("f", 2, "line", make_row())]

    result = ingest(rows, format="detect")

    assert len(result.trajectories) == 1
    assert len(result.rejected_trajectories) == 1


def test_an_unknown_row_names_the_known_formats() -> None:
    with pytest.raises(TrajectoryError, match=r"row 1: no format has the keys turns;"):
        ingest([{"turns": []}], format="detect")


def test_the_first_row_is_named_where_none_can_be_read() -> None:
    lines = json.dumps(make_row(), indent=1).splitlines()
    rows = [RawRow("f", n, "line", line) for n, line in enumerate(lines, start=1)]

    with pytest.raises(TrajectoryError, match="f, line 1: the line is not JSON"):
        ingest(rows, format="detect")


def test_dates_and_decimals_of_columns_become_text() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    rows = [make_row(when=when, day=when.date(), cost=Decimal("1.50"), n=np.int64(2))]

    metadata = ingest(rows).trajectories["metadata"][0]

    assert json.loads(metadata) == {
        "when": "2026-01-02T03:04:05+00:00",
        "day": "2026-01-02",
        "cost": "1.50",
        "n": 2,
    }


def test_what_json_cannot_hold_is_refused_by_name() -> None:
    detail = ingest([make_row(), make_row("b", blob=b"x")]).rejected_trajectories[
        "detail"
    ][0]

    assert detail.startswith("raw_trajectories, row 2: blob holds a bytes; expected")


def test_values_nested_too_deeply_are_a_refused_row() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    turn = '{"messages": [{"role": "assistant", "content": "a"}], "deep": %s}'
    rows = [RawRow("f", 1, "line", (turn % deep).encode()), make_row()]

    rejected = ingest(rows).rejected_trajectories

    assert rejected["source_row"].tolist() == [1]


def test_an_unknown_format_suggests_a_near_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'openai'"):
        ingest([make_row()], format="open_ai")


def test_states_are_measured_where_a_tokenizer_is_at_hand() -> None:
    result = ingest([make_row("a"), make_row("b")])

    measured = measure_prompts(
        result.trajectories,
        result.pivot_candidates,
        lambda trajectories: (
            [len(state.prefix) for state in states] for states in trajectories
        ),
    )

    # each state is the one question before the turn
    assert measured["prompt_tokens"].tolist() == [1, 1]
    tables.PivotCandidates.validate(measured, lazy=True)


def test_a_state_that_cannot_be_rendered_is_told_with_its_trajectory() -> None:
    result = ingest([make_row("a", id="first"), make_row("b", id="second")])

    def measure(trajectories: Iterable[object]) -> Iterator[list[int]]:
        for number, _ in enumerate(trajectories):
            if number == 1:
                raise PolicyError("no text.")
            yield [1]

    with pytest.raises(PolicyError, match=r"Trajectory 'second': no text\."):
        measure_prompts(result.trajectories, result.pivot_candidates, measure)


def test_processes_convert_as_one_does_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # every third line repeats a state, every seventh is broken, two ids come again
    ids = [str(n if n % 16 else 0) for n in range(60)]
    texts = [
        json.dumps(make_row(str(n % 3), id=i, task_id="t")) for n, i in enumerate(ids)
    ]
    rows = [
        RawRow("runs.jsonl", n, "line", text[: -(n % 7 == 0) or None].encode())
        for n, text in enumerate(texts, start=1)
    ]
    alone = ingest(rows)
    monkeypatch.setattr(batches, "MAX_BATCH_ROWS", 7)
    monkeypatch.setattr(batches, "SERIAL_BYTES", 2000)
    monkeypatch.setattr(batches, "_count_processors", lambda: 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    together = ingest(rows)

    pd.testing.assert_frame_equal(together.trajectories, alone.trajectories)
    pd.testing.assert_frame_equal(together.pivot_candidates, alone.pivot_candidates)
    pd.testing.assert_frame_equal(
        together.rejected_trajectories, alone.rejected_trajectories
    )
    assert len(alone.rejected_trajectories) == 60 // 7 + 2
    assert not list(tmp_path.iterdir())
