import importlib
from pathlib import Path

import pytest
from kedro.io import DatasetError

from pivotrl_pipeline.datasets.working_folders import (
    CheckpointFolderDataset,
    RolloutStoreDataset,
)


def test_content_of_a_working_folder_does_not_count(tmp_path: Path) -> None:
    dataset = RolloutStoreDataset(filepath=str(tmp_path))
    before = dataset.fingerprint()

    (tmp_path / "shard-0.parquet").write_bytes(b"samples")

    assert dataset.fingerprint() == before


def test_store_is_loaded_where_it_lies(tmp_path: Path) -> None:
    assert RolloutStoreDataset(filepath=str(tmp_path)).load().folder == tmp_path


def test_absent_folder_can_be_loaded(tmp_path: Path) -> None:
    dataset = CheckpointFolderDataset(filepath=str(tmp_path / "checkpoints"))

    assert dataset.exists()
    assert dataset.load().folder == tmp_path / "checkpoints"


@pytest.mark.parametrize("kind", [CheckpointFolderDataset, RolloutStoreDataset])
def test_folder_is_used_by_one_code_and_by_none_that_is_not_told(
    tmp_path: Path, kind: type[CheckpointFolderDataset | RolloutStoreDataset]
) -> None:
    first, second = (kind(filepath=str(tmp_path)) for _ in range(2))
    assert first.load() != second.load()

    for dataset in (first, second):
        dataset.use_code("abc")

    assert first.load() == second.load()


def test_working_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is a working folder"):
        RolloutStoreDataset(filepath=str(tmp_path)).save("content")


def test_samples_belong_to_code_that_there_is() -> None:
    module, _, name = RolloutStoreDataset.code_of.rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))
