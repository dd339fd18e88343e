import time
from pathlib import Path

import pytest

from pivotrl_pipeline.caching.memory import Memory

STATUS = (3, 1, 1, 1)


def test_what_one_run_has_yet_to_save_keeps_no_other_waiting(tmp_path: Path) -> None:
    waiting, running = Memory(tmp_path / "memory"), Memory(tmp_path / "memory")
    waiting.remember_fact("a", 1)
    waiting.remember_file("a", STATUS, "digest")

    started = time.monotonic()
    running.remember_fact("b", 2)
    running.save()
    passed = time.monotonic() - started
    waiting.close()

    assert passed < 1
    assert [running.fact("a"), running.fact("b")] == [1, 2]
    assert running.file_digest("a", STATUS) == "digest"


def test_what_is_not_saved_yet_is_known_and_can_be_forgotten() -> None:
    memory = Memory(None)
    memory.remember_fact("a", {"b": None})
    memory.remember_file("a", STATUS, "digest")

    assert memory.fact("a") == {"b": None}
    assert memory.file_digest("a", STATUS) == "digest"
    assert memory.file_digest("a", (4, 1, 1, 1)) is None

    memory.forget_files()

    assert memory.file_digest("a", STATUS) is None


@pytest.mark.parametrize("saved", [True, False])
def test_gone_files_and_facts_are_forgotten(tmp_path: Path, saved: bool) -> None:
    memory = Memory(tmp_path / "memory")
    memory.remember_fact("a", 1)
    memory.remember_file("gone", STATUS, "digest")
    memory.remember_file(str(tmp_path), STATUS, "digest")
    if saved:
        memory.save()

    memory.forget_stale()

    assert memory.fact("a") is None
    assert memory.file_digest("gone", STATUS) is None
    assert memory.file_digest(str(tmp_path), STATUS) == "digest"


def test_a_save_that_fails_does_not_break_the_next(tmp_path: Path) -> None:
    memory, other = Memory(tmp_path / "memory"), Memory(tmp_path / "memory")
    memory._connection.execute("PRAGMA busy_timeout = 1")
    other._connection.execute("BEGIN IMMEDIATE")
    memory.remember_fact("a", 1)
    memory.save()
    other._connection.rollback()

    memory.remember_fact("b", 2)
    memory.save()

    assert other.fact("b") == 2
