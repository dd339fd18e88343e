import os
import time
from pathlib import Path

import pytest

from pivotrl_pipeline.caching.content import Contents, find_edited
from pivotrl_pipeline.caching.memory import Memory

# sha256("abc"), from FIPS 180-4
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def age(file: Path) -> None:
    """Waits until the file is older than the clock's grain."""
    left = 0.06 - (time.time() - file.stat().st_ctime)
    time.sleep(max(left, 0))


class Counted(Memory):
    """A memory that tells whether it knew."""

    def __init__(self) -> None:
        super().__init__(None)
        self.known = 0

    def file_digest(self, path: str, status: tuple[int, int, int, int]) -> str | None:
        found = super().file_digest(path, status)
        self.known += found is not None
        return found


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert Contents(Memory(None)).digest(tmp_path / "a") == ABC
    assert Contents(Memory(None)).digest(tmp_path / "missing") is None


def test_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file, memory = tmp_path / "a", Counted()
    file.write_bytes(b"abc")
    age(file)

    digests = [Contents(memory).digest(file) for _ in range(3)]

    assert digests == [ABC] * 3
    assert memory.known == 2


def test_file_that_just_changed_is_not_remembered(tmp_path: Path) -> None:
    file, memory = tmp_path / "a", Counted()
    file.write_bytes(b"abc")

    Contents(memory).digest(file)
    Contents(memory).digest(file)

    assert memory.known == 0


def test_edit_with_the_time_put_back_is_seen(tmp_path: Path) -> None:
    file, contents = tmp_path / "a", Contents(Memory(None))
    file.write_bytes(b"abc")
    age(file)
    before = contents.digest(file)
    status = file.stat()
    file.write_bytes(b"abd")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert file.stat().st_mtime_ns == status.st_mtime_ns
    assert contents.digest(file) != before


@pytest.mark.parametrize("change", ["add", "rename", "edit", "empty"])
def test_folder_changes_with_its_files(tmp_path: Path, change: str) -> None:
    contents = Contents(Memory(None))
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a").write_bytes(b"abc")
    before = contents.digest(tmp_path)
    changes = {
        "add": lambda: (tmp_path / "b").write_bytes(b""),
        "rename": lambda: (tmp_path / "part").rename(tmp_path / "other"),
        "edit": lambda: (tmp_path / "part" / "a").write_bytes(b"abd"),
        "empty": lambda: (tmp_path / "part" / "a").unlink(),
    }

    changes[change]()

    assert contents.digest(tmp_path) != before


def test_partial_files_do_not_count(tmp_path: Path) -> None:
    contents = Contents(Memory(None))
    (tmp_path / "a").write_bytes(b"abc")
    before = contents.digest(tmp_path)

    (tmp_path / f".a.{'0' * 32}.partial.json").write_bytes(b"[")

    assert contents.digest(tmp_path) == before


@pytest.mark.parametrize("put_back", [False, True])
def test_edit_since_then_is_found(tmp_path: Path, put_back: bool) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"abc")
    age(file)
    status, since = file.stat(), time.time_ns()
    assert find_edited([file], since_nanoseconds=since) is None

    time.sleep(0.05)
    file.write_bytes(b"abd")
    if put_back:
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert find_edited([file], since_nanoseconds=since) == file
