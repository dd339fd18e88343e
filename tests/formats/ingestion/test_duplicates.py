"""What comes more than once."""

import logging

import pandas as pd
import pytest
from tests.formats.ingestion.ingesting import ingest, make_row

from pivotrl_pipeline.records import tables


def test_a_repeated_row_is_left_out_and_a_reused_id_is_refused() -> None:
    rows = [
        make_row("a", id="x"),
        make_row("a", id="x"),
        make_row("b", id="x"),
        make_row("a", id="y"),
    ]

    result = ingest(rows)

    assert result.trajectories["trajectory_id"].tolist() == ["x", "y"]
    assert result.rejected_trajectories["reason"].tolist() == [
        "duplicate_trajectory",
        "duplicate_id",
    ]
    assert (
        "is that of raw_trajectories, row 1"
        in (result.rejected_trajectories["detail"][1])
    )


def test_ids_that_are_left_out_as_advised_no_longer_clash() -> None:
    runs = [
        {"task_id": 0, "trial": 0, "traj": make_row(text)["messages"]} for text in "ab"
    ]
    unnamed = [{key: run[key] for key in ("task_id", "traj")} for run in runs]

    clashing = ingest(runs, format="tau_bench").rejected_trajectories
    result = ingest(unnamed, format="tau_bench")

    assert "leave them out of the rows (trial in those" in clashing["detail"][0]
    assert result.trajectories["trajectory_id"].is_unique
    assert len(result.trajectories) == 2


def test_a_contested_state_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    rows = [make_row("a", id="x"), make_row("b", id="y"), make_row("b", id="z")]

    with caplog.at_level(logging.INFO):
        ingest(rows)

    # one state (the question) at three turns; y and z also repeat each other
    assert "1 of 1 states occur at more than one turn." in caplog.text
    assert "1 states have different demonstrated actions" in caplog.text
    assert "x#0 and y#0" in caplog.text
    assert "1 trajectories repeat another under an id of their own." in caplog.text
    assert "They are listed in the table `duplicates`." in caplog.text


def test_what_comes_more_than_once_is_a_table() -> None:
    other = {
        "messages": [{"role": "user", "content": "bye"}, make_row("a")["messages"][1]]
    }
    rows = [
        other | {"id": "v"},
        make_row("a", id="w"),
        make_row("a", id="x"),
        make_row("b", id="y"),
        other | {"id": "z"},
        make_row("c", id="single", tools=[]),
    ]

    duplicates = tables.Duplicates.validate(ingest(rows).duplicates, lazy=True)

    # the question hi is asked of w, x, y and single, which answer a, a, b and c
    assert duplicates.values.tolist() == [
        ["trajectory", "w", "x", 2, pd.NA],
        ["trajectory", "v", "z", 2, pd.NA],
        ["state", "w#0", "y#0", 4, 3],
        ["state", "v#0", "z#0", 2, 1],
    ]


def test_nothing_twice_gives_an_empty_table_of_the_same_types() -> None:
    duplicates = ingest([make_row()]).duplicates

    assert len(tables.Duplicates.validate(duplicates, lazy=True)) == 0


def test_call_ids_do_not_tell_states_apart(caplog: pytest.LogCaptureFixture) -> None:
    def row(call_id: str, answer: str) -> dict[str, object]:
        function = {"name": "look_up", "arguments": "{}"}
        call = {"id": call_id, "type": "function", "function": function}
        return {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "found", "tool_call_id": call_id},
                {"role": "assistant", "content": answer},
            ]
        }

    with caplog.at_level(logging.INFO):
        ingest([row("c1", "a"), row("c2", "b")])

    assert "2 of 2 states occur at more than one turn." in caplog.text
    assert "1 states have different demonstrated actions" in caplog.text
