"""Record batches that lie in a file."""

from pathlib import Path

import pyarrow as pa
import pytest

from pivotrl_pipeline.records.stored_batches import BatchFile, BatchReader

SCHEMA = pa.schema([("key", pa.large_string()), ("count", pa.int64())])
BATCHES = [
    pa.RecordBatch.from_pydict({"key": keys, "count": range(len(keys))}, schema=SCHEMA)
    for keys in (["a", None, "\u00e9" * 300], [], ["b"])
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "batches"


@pytest.mark.parametrize("batch", BATCHES)
def test_a_batch_can_be_read_as_soon_as_it_is_stored(
    path: Path, batch: pa.RecordBatch
) -> None:
    file, reader = BatchFile(path), BatchReader()
    reader.read(file.append(BATCHES[0]))

    stored = file.append(batch)

    assert stored.num_rows == batch.num_rows
    assert reader.read(stored).equals(batch)


def test_categories_are_stored_with_their_names(path: Path) -> None:
    values = pa.array(["p", "q", "p"]).dictionary_encode()
    batch = pa.record_batch([values], names=["kind"])

    stored = BatchFile(path).append(batch)

    assert BatchReader().read(stored).equals(batch)


def test_a_part_of_a_batch_is_stored_alone(path: Path) -> None:
    part = BATCHES[0].slice(2, 1)

    stored = BatchFile(path).append(part)

    assert BatchReader().read(stored).equals(part)


def test_what_was_read_outlives_the_name_of_its_file(path: Path) -> None:
    file, reader = BatchFile(path), BatchReader()
    stored = [file.append(batch) for batch in BATCHES]
    reader.read(stored[-1])

    path.unlink()

    assert [reader.read(each) for each in stored] == BATCHES


def test_files_are_told_apart(tmp_path: Path) -> None:
    files = [BatchFile(tmp_path / name) for name in ("first", "second")]
    reader = BatchReader()

    stored = [file.append(BATCHES[2 * at]) for at, file in enumerate(files)]

    assert [reader.read(each) for each in stored] == [BATCHES[0], BATCHES[2]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_told_with_the_file() -> None:
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        BatchFile(Path("/dev/full")).append(BATCHES[0])
