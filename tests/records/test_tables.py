from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro_datasets.pandas import ParquetDataset
from pandera.errors import SchemaErrors

from pivotrl_pipeline.records import tables


def _trajectories(**changes: object) -> pd.DataFrame:
    columns: dict[str, object] = {
        "trajectory_id": ["a", "b"],
        "task_id": ["task", "task"],
        "domain": ["desk", "desk"],
        "split": ["train", "train"],
        "messages": ["[]", "[]"],
        "tools": ["[]", "[]"],
        "success": pd.array([True, None], dtype="boolean"),
        "metadata": ["{}", "{}"],
    }
    return pd.DataFrame(columns | changes)


def _rollouts(**changes: object) -> pd.DataFrame:
    columns: dict[str, object] = {
        "candidate_id": ["a#0", "a#0"],
        "sample_index": [0, 1],
        "token_ids": [np.array([5, 7], dtype=np.int32), np.array([], dtype=np.int32)],
        "logprobs": [
            np.array([-0.5, -0.1], dtype=np.float32),
            np.array([], dtype=np.float32),
        ],
        "text": ["hello", ""],
        "finish_reason": ["stop", "error"],
        "error": [None, "state too long"],
    }
    return pd.DataFrame(columns | changes)


def _all_tables() -> list[type[tables.Table]]:
    return [
        value
        for value in vars(tables).values()
        if isinstance(value, type) and issubclass(value, tables.Table)
    ]


@pytest.mark.parametrize("table", _all_tables(), ids=lambda table: table.__name__)
def test_every_column_is_described(table: type[tables.Table]) -> None:
    columns = table.to_schema().columns

    assert columns or table is tables.Table
    assert [name for name, column in columns.items() if not column.description] == []


def test_a_table_keeps_its_types_through_parquet(tmp_path: Path) -> None:
    dataset = ParquetDataset(filepath=tmp_path / "trajectories.parquet")
    frame = tables.Trajectories.validate(_trajectories(), lazy=True)

    dataset.save(frame)

    loaded = tables.Trajectories.validate(dataset.load(), lazy=True)
    pd.testing.assert_frame_equal(loaded, frame)
    assert loaded["success"].dtype == "boolean"


def test_token_ids_and_logprobs_stay_narrow_arrays_through_parquet(
    tmp_path: Path,
) -> None:
    dataset = ParquetDataset(filepath=tmp_path / "rollouts.parquet")

    dataset.save(tables.Rollouts.validate(_rollouts(), lazy=True))

    loaded = tables.Rollouts.validate(dataset.load(), lazy=True)
    assert [array.dtype for array in loaded["token_ids"]] == [np.int32, np.int32]
    assert [array.dtype for array in loaded["logprobs"]] == [np.float32, np.float32]
    assert loaded["token_ids"][0].tolist() == [5, 7]
    assert loaded["error"].isna().tolist() == [True, False]


def test_lists_of_python_numbers_become_arrays() -> None:
    frame = _rollouts(token_ids=[[5, 7], []], logprobs=[[-0.5, -0.1], []])

    validated = tables.Rollouts.validate(frame, lazy=True)

    assert validated["token_ids"][0].dtype == np.int32
    assert validated["logprobs"][1].dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"token_ids": [[5.5, 7.0], []]}, "int32 array"),
        ({"token_ids": [[5], []]}, "one log-probability per token"),
        ({"finish_reason": ["stop", "gave up"]}, "isin"),
        ({"sample_index": [0, 0]}, "not unique"),
        ({"sample_index": [0, -1]}, "greater_than_or_equal_to"),
        ({"surplus": [1, 2]}, "surplus"),
    ],
)
def test_a_rollout_that_breaks_its_schema_is_refused(
    changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SchemaErrors, match=complaint):
        tables.Rollouts.validate(_rollouts(**changes), lazy=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"trajectory_id": ["a", "a"]},
        {"trajectory_id": [1, 2]},
        {"trajectory_id": ["a", None]},
        {"split": ["train", "test"]},
        {"messages": ["[]", "hello"]},
    ],
    ids=["duplicate", "number", "missing", "unknown split", "no JSON list"],
)
def test_a_trajectory_that_breaks_its_schema_is_refused(
    changes: dict[str, object],
) -> None:
    with pytest.raises(SchemaErrors):
        tables.Trajectories.validate(_trajectories(**changes), lazy=True)


def test_a_column_of_missing_values_gets_its_type_back() -> None:
    frame = _trajectories(success=[None, None])

    validated = tables.Trajectories.validate(frame, lazy=True)

    assert validated["success"].dtype == "boolean"


def test_a_whole_number_column_is_never_cut() -> None:
    frame = pd.DataFrame({"source_row": [1.5], "reason": ["x"], "detail": ["y"]})

    with pytest.raises(SchemaErrors, match="int64"):
        tables.RejectedTrajectories.validate(frame, lazy=True)
