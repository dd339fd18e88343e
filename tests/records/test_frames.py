import json
from dataclasses import dataclass

import pandas as pd
import pytest

from pivotrl_pipeline.records import frames

MESSAGES = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "ho"},
]


def _tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = ["a", "b", "c"]
    trajectories = pd.DataFrame(
        {
            "trajectory_id": ids,
            "task_id": ids,
            "domain": "talk",
            "split": "train",
            "messages": json.dumps(MESSAGES),
            "tools": "[]",
            "success": True,
            "metadata": "{}",
        }
    )
    candidates = pd.DataFrame(
        {
            "candidate_id": ["a#0", "c#0"],
            "trajectory_id": ["a", "c"],
            "turn_index": 0,
            "message_index": 1,
            "demonstrated_action": json.dumps(MESSAGES[1]),
        }
    )
    return trajectories, candidates


@pytest.mark.parametrize("slice_rows", [1, 2, 3])
def test_slices_hold_every_trajectory_with_candidates_once(
    slice_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "SLICE_ROWS", slice_rows)

    pairs = list(frames.iterate_candidates(*_tables()))

    assert pairs == frames.group_candidates(*_tables())
    assert [trajectory.trajectory_id for trajectory, _ in pairs] == ["a", "c"]


def test_candidates_in_any_order_keep_their_rows() -> None:
    trajectories, candidates = _tables()
    stray = candidates.assign(trajectory_id=["gone", "a"], candidate_id=["x#0", "a#1"])
    mixed = pd.concat([candidates.iloc[::-1], stray], ignore_index=True)

    pairs = list(frames.iterate_candidates(trajectories, mixed))
    states = list(frames.iterate_states(trajectories, mixed))

    assert [[each.candidate_id for each in own] for _, own in pairs] == [
        ["a#0", "a#1"],
        ["c#0"],
    ]
    # The rows are c#0, a#0, one of no trajectory, a#1.
    assert [rows.tolist() for rows, _ in states] == [[1, 3], [0]]
    assert states[1][1] == [pairs[1][0].state_before(1)]


@dataclass(frozen=True)
class Row:
    name: str
    share: float | None


def test_a_table_without_a_row_has_its_columns_and_their_types() -> None:
    empty = frames.typed_records_to_table([], Row)
    filled = frames.typed_records_to_table([Row("x", None)], Row)

    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
    assert filled["share"].isna().tolist() == [True]
