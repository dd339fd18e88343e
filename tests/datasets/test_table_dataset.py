from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from pivotrl_pipeline.datasets import table_dataset
from pivotrl_pipeline.datasets.table_dataset import TableDataset

TABLE = pd.DataFrame(
    {
        "key": ["a", "b"],
        "success": pd.array([True, None], dtype="boolean"),
        "prompt_tokens": pd.array([7, None], dtype="Int64"),
    }
)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=tmp_path / "new" / "table.parquet")

    dataset.save(TABLE)

    pd.testing.assert_frame_equal(dataset.load(), TABLE)


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]

    for path in paths:
        TableDataset(filepath=path).save(TABLE)

    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_table_that_was_cut_short_is_told_with_what_to_do(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(TABLE)
    with (tmp_path / "table.parquet").open("rb+") as file:
        file.truncate(100)

    with pytest.raises(DatasetError, match=r"^/.*table\.parquet cannot be read .* run"):
        dataset.load()


def test_a_failed_save_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(TABLE)

    with pytest.raises(DatasetError, match="Failed while saving"):
        dataset.save(pd.DataFrame({"mixed": [1, "one"]}))

    pd.testing.assert_frame_equal(dataset.load(), TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


def test_a_failed_first_save_leaves_no_file(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=tmp_path / "table.parquet")

    with pytest.raises(DatasetError, match="Failed while saving"):
        dataset.save(pd.DataFrame({"mixed": [1, "one"]}))

    assert not dataset.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_the_catalog_says_wins_over_the_defaults(tmp_path: Path) -> None:
    plain = TableDataset(
        filepath=tmp_path / "table.parquet", save_args={"compression": None}
    )

    plain.save(TABLE)

    pd.testing.assert_frame_equal(plain.load(), TABLE)
    assert TableDataset.DEFAULT_SAVE_ARGS["compression"] == "zstd"


def test_a_table_read_in_pages_is_the_table_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TABLE.assign(
        turn_index=[1, 2],
        is_pivot=[True, False],
        reward=[0.5, float("nan")],
        error=pd.array([None, "too long"], dtype="str"),
        token_ids=[np.array([1], dtype=np.int32), np.array([], dtype=np.int32)],
    )
    dataset = TableDataset(filepath=tmp_path / "table.parquet")
    dataset.save(table)
    at_once = dataset.load()
    monkeypatch.setattr(table_dataset, "SPILL_BYTES", 0)

    in_pages = dataset.load()

    pd.testing.assert_frame_equal(in_pages, at_once)
    assert in_pages["token_ids"][0].dtype == np.int32


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"table.parquet"):
        TableDataset(filepath=tmp_path / "table.parquet").load()
