import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError

from pivotrl_pipeline.datasets.raw_rows_dataset import RawRowsDataset
from pivotrl_pipeline.formats.base import parse_row

ROWS = [{"id": "a", "messages": []}, {"id": "b", "messages": [{"role": "user"}]}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def _load(path: Path) -> list[object]:
    return [parse_row(row) for row in RawRowsDataset(filepath=str(path)).load()]


def _zstd(content: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson"])
def test_lines_are_rows(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"runs{ending}"
    path.write_bytes(LINES)

    assert _load(path) == ROWS


def test_gzip_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))

    assert _load(path) == ROWS


def test_zstd_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl.zst"
    path.write_bytes(_zstd(LINES))

    assert _load(path) == ROWS


def test_zstd_files_of_several_frames_are_read_to_the_last(tmp_path: Path) -> None:
    first, second = LINES.splitlines(keepends=True)
    path = tmp_path / "runs.jsonl.zst"
    path.write_bytes(_zstd(first) + _zstd(second))

    assert _load(path) == ROWS


def test_a_json_array_is_rows(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(ROWS))

    assert _load(path) == ROWS


def test_parquet_with_nested_messages_is_rows(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    pd.DataFrame(ROWS).to_parquet(path)

    assert _load(path) == ROWS


def test_rows_know_their_line_and_blank_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b'{"id": 1}\n\n{"id": \n')

    rows = list(RawRowsDataset(filepath=str(path)).load())

    assert [row.address for row in rows] == ["runs.jsonl, line 1", "runs.jsonl, line 3"]


def test_rows_can_be_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(LINES)

    rows = RawRowsDataset(filepath=str(path)).load()

    assert list(rows) == list(rows)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    dataset = RawRowsDataset(filepath=str(tmp_path / "runs.jsonl"))

    assert not dataset.exists()
    with pytest.raises(
        DatasetError,
        match=r"runs.jsonl does not exist; expected a file of trajectories: put it "
        r"there, or name yours as raw_trajectories in conf/local/catalog.yml",
    ):
        dataset.load()


def test_an_unknown_ending_names_the_known_ones() -> None:
    with pytest.raises(
        DatasetError, match=r"runs.csv.gz has no known ending; expected"
    ):
        RawRowsDataset(filepath="runs.csv.gz")


def test_an_object_where_an_array_is_expected_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text('{"id": 1}')

    with pytest.raises(DatasetError, match="holds a dict; expected an array of rows"):
        _load(path)


def test_a_truncated_archive_is_an_error_and_not_a_short_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl.gz"
    path.write_bytes(gzip.compress(LINES * 1000)[:-20])

    with pytest.raises(DatasetError, match="cannot be read to its end"):
        _load(path)


def test_a_truncated_zstd_file_is_an_error_and_not_a_short_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl.zst"
    path.write_bytes(_zstd(LINES * 1000)[:-6])

    with pytest.raises(DatasetError, match="cannot be read to its end"):
        _load(path)


def test_raw_rows_are_never_written(tmp_path: Path) -> None:
    dataset = RawRowsDataset(filepath=str(tmp_path / "runs.jsonl"))

    with pytest.raises(DatasetError, match="is never written"):
        dataset.save(ROWS)
