"""One row, whatever its format makes of it."""

from dataclasses import replace
from typing import Any

import pytest

from pivotrl_pipeline.formats.base import RawRow, RawTrajectory
from pivotrl_pipeline.formats.ingestion.conversion import (
    ConvertedRow,
    IngestionSettings,
    RejectedRow,
    convert_row,
)
from pivotrl_pipeline.formats.openai_chat import OPENAI
from pivotrl_pipeline.records.messages import JsonObject

SETTINGS = IngestionSettings(
    "openai", only_successful=False, validation_rate=0.5, seed=0, max_rejected_rate=0.0
)
ROW = RawRow("runs.jsonl", 3, "line", {"messages": []})


def _convert(trajectory: RawTrajectory | Exception) -> ConvertedRow | RejectedRow:
    """What becomes of a row of which its format makes the trajectory, or fails."""

    def read(row: JsonObject) -> RawTrajectory:
        if isinstance(trajectory, Exception):
            raise trajectory
        return trajectory

    return convert_row(ROW, replace(OPENAI, read=read), [], SETTINGS)


def test_a_row_over_which_its_reader_fails_is_refused_with_the_error() -> None:
    row = _convert(KeyError("role"))

    assert isinstance(row, RejectedRow)
    assert row.reason == "reader_failed"
    assert row.detail.startswith(
        "runs.jsonl, line 3: the reader of format 'openai' failed with KeyError('role')"
    )


def test_a_lack_of_memory_is_no_matter_of_the_row() -> None:
    with pytest.raises(MemoryError):
        _convert(MemoryError())


QUESTION = {"role": "user", "content": "hi"}
MESSAGES: list[Any] = [
    QUESTION,
    {"role": "assistant", "content": "a"},
    {"role": "assistant", "content": "b"},
    QUESTION,
    {"role": "assistant", "content": "c"},
]


def test_turns_that_are_no_candidates_leave_the_others_as_they_are() -> None:
    every = _convert(RawTrajectory(MESSAGES))
    rest = _convert(RawTrajectory(MESSAGES, excluded_turns=frozenset({1})))

    assert isinstance(every, ConvertedRow)
    assert isinstance(rest, ConvertedRow)
    assert rest.turns.turn_indices == [0, 2]
    assert rest.turns.message_indices == [1, 4]
    assert rest.turns.states == [every.turns.states[0], every.turns.states[2]]
    assert rest.messages_text == every.messages_text


def test_a_trajectory_without_a_candidate_is_refused() -> None:
    row = _convert(RawTrajectory(MESSAGES, excluded_turns=frozenset({0, 1, 2})))

    assert isinstance(row, RejectedRow)
    assert row.reason == "no_assistant_turn"
    assert "none of 3 turns may be learnt from" in row.detail
