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


@dataclass(frozen=True)
class Row:
    name: str
    share: float | None


def test_a_table_without_a_row_has_its_columns_and_their_types() -> None:
    empty = frames.typed_records_to_table([], Row)
    filled = frames.typed_records_to_table([Row("x", None)], Row)

    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
    assert filled["share"].isna().tolist() == [True]
