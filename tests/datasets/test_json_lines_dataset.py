from pathlib import Path

import pytest
from kedro.io import DatasetError

from pivotrl_pipeline.datasets.json_lines_dataset import JsonLinesDataset

ROWS = [{"a": {"b": 1.0}, "c": "é\u2028\ud800"}, {"a": None}]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    dataset = JsonLinesDataset(filepath=str(tmp_path / "new" / "rows.jsonl"))

    assert not dataset.exists()
    dataset.save(ROWS)

    assert dataset.exists()
    assert dataset.load() == ROWS
    assert len((tmp_path / "new" / "rows.jsonl").read_text().splitlines()) == 2


def test_a_failed_save_leaves_the_rows_as_they_were(tmp_path: Path) -> None:
    dataset = JsonLinesDataset(filepath=str(tmp_path / "rows.jsonl"))
    dataset.save(ROWS)

    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save([{"a": 1}, {"a": object()}])  # type: ignore[dict-item]

    assert dataset.load() == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a":\n')

    with pytest.raises(DatasetError, match=r"rows.jsonl, line 2: not JSON"):
        JsonLinesDataset(filepath=str(path)).load()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        JsonLinesDataset(filepath=str(tmp_path / "rows.jsonl")).load()
