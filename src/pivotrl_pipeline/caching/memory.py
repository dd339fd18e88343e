"""What is remembered between runs so that nothing is hashed or parsed twice.

One SQLite file. Every row can be recomputed: losing the file costs time, never
correctness, so a damaged or unwritable one is replaced by a memory that forgets. What
is new is written by ``save``: nothing is locked while nodes run.
"""

import contextlib
import json
import sqlite3
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER,
    inode INTEGER, digest TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


class Memory:
    """Digests of files by their status, and facts by their key."""

    def __init__(self, path: Path | None) -> None:
        """Opens the file at ``path``; ``None`` remembers for this process only."""
        self._lock = threading.RLock()
        self._connection = _open(path)
        self._files: dict[str, tuple[Any, ...]] = {}
        self._facts: dict[str, str] = {}
        weakref.finalize(self, self._connection.close)

    def file_digest(self, path: str, status: tuple[int, int, int, int]) -> str | None:
        """Digest of the file when it last had this (size, mtime, ctime, inode)."""
        row = self._files.get(path) or self._one(
            "SELECT size, mtime, ctime, inode, digest FROM files WHERE path = ?", path
        )
        return row[4] if row is not None and tuple(row[:4]) == status else None

    def remember_file(
        self, path: str, status: tuple[int, int, int, int], digest: str
    ) -> None:
        """Keeps the digest for as long as the file keeps this status."""
        with self._lock:
            self._files[path] = (*status, digest)

    def fact(self, key: str) -> Any:
        """The JSON value kept under ``key``, or ``None``."""
        known = self._facts.get(key)
        if known is None:
            row = self._one("SELECT value FROM facts WHERE key = ?", key)
            known = None if row is None else row[0]
        return None if known is None else json.loads(known)

    def remember_fact(self, key: str, value: object) -> None:
        """Keeps a JSON value under ``key``."""
        with self._lock:
            self._facts[key] = json.dumps(value)

    def forget_files(self) -> None:
        """Drops every file's digest, so that all are hashed again."""
        with self._lock:
            self._files.clear()
            self._write("DELETE FROM files")

    def forget_stale(self) -> None:
        """Drops what was remembered of files that are gone, and all facts."""
        self.save()
        with self._lock, contextlib.suppress(sqlite3.Error):
            paths = self._connection.execute("SELECT path FROM files").fetchall()
            gone = [row for row in paths if not Path(row[0]).exists()]
            self._write("DELETE FROM facts")
            self._write("DELETE FROM files WHERE path = ?", gone)
            self._connection.execute("VACUUM")

    def save(self) -> None:
        """Writes what was remembered to disk."""
        with self._lock:
            files = [(path, *row) for path, row in self._files.items()]
            self._write("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", files)
            facts = list(self._facts.items())
            self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)
            self._files.clear()
            self._facts.clear()

    def close(self) -> None:
        """Saves and closes."""
        self.save()
        self._connection.close()

    def _one(self, query: str, key: str) -> Any:
        with self._lock:
            try:
                return self._connection.execute(query, (key,)).fetchone()
            except sqlite3.Error:
                return None

    def _write(
        self, statement: str, rows: Sequence[tuple[object, ...]] = ((),)
    ) -> None:
        """One transaction that is over at once, so that no other run waits for it."""
        if rows:
            with contextlib.suppress(sqlite3.Error), self._connection:
                self._connection.executemany(statement, rows)


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        for _attempt in range(2):
            try:
                return _connect(str(path))
            except sqlite3.OperationalError:
                break  # unwritable or busy: leave the file alone
            except sqlite3.DatabaseError:
                with contextlib.suppress(OSError):
                    path.unlink()  # damaged
    return _connect(":memory:")


def _connect(target: str) -> sqlite3.Connection:
    connection = sqlite3.connect(target, timeout=5, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
