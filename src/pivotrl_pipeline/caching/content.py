"""Digests of files and folders.

A digest is taken over bytes and remembered for as long as the file's size, times and
inode stay. The change time catches an edit whose modification time was put back. As in
git, a file that changed within the clock's grain of being read is not remembered: a
later edit could leave the same status behind.
"""

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from .memory import Memory
from .partial import is_partial
from .values import digest_text

_GRAIN_SECONDS = 0.05
_LARGE_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20


class Contents:
    """Digests of what lies on disk; ``None`` where nothing lies."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def digest(self, path: Path) -> str | None:
        """Digest of the file or folder at ``path``, or ``None`` without one."""
        try:
            status = path.stat()
        except OSError:
            return None
        if stat.S_ISDIR(status.st_mode):
            return self._folder(path)
        return self._file(path, status)

    def files(self, path: Path) -> dict[str, str]:
        """Relative POSIX path → digest of every file below; ``""`` for a file itself.

        Unfinished and cached files (``*.partial``, ``__pycache__``) do not count.
        """
        if not path.is_dir():
            digest = self.digest(path)
            return {} if digest is None else {"": digest}
        found: dict[str, str] = {}
        for folder, folders, names in os.walk(path, followlinks=True):
            folders[:] = sorted(f for f in folders if not _ignored(f))
            for name in sorted(names):
                if not _ignored(name):
                    file = Path(folder, name)
                    digest = self.digest(file)
                    if digest is not None:
                        found[file.relative_to(path).as_posix()] = digest
        return found

    def _folder(self, path: Path) -> str:
        entries = (part for item in sorted(self.files(path).items()) for part in item)
        return digest_text("folder", *entries)

    def _file(self, path: Path, status: os.stat_result) -> str | None:
        known = self._memory.file_digest(str(path), _identity(status))
        if known is not None:
            return known
        _let_clock_pass(status)
        started = time.time()
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                digest = _hash(file)
        except OSError:
            return None
        changed = max(status.st_mtime, status.st_ctime)
        if started - changed > _GRAIN_SECONDS:
            self._memory.remember_file(str(path), _identity(status), digest)
        return digest


def find_edited(files: Iterable[Path], *, since_nanoseconds: int) -> Path | None:
    """The first of the files that changed since then, ``None`` if none did."""
    for file in sorted(files):
        with contextlib.suppress(OSError):
            status = file.stat()
            if max(status.st_mtime_ns, status.st_ctime_ns) > since_nanoseconds:
                return file
    return None


def _hash(file: object) -> str:
    sha = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):  # type: ignore[attr-defined]
        sha.update(chunk)
    return sha.hexdigest()


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _let_clock_pass(status: os.stat_result) -> None:
    """Waits until a large new file can be remembered: cheaper than hashing it twice."""
    age = time.time() - max(status.st_mtime, status.st_ctime)
    if status.st_size >= _LARGE_BYTES and 0 <= age <= _GRAIN_SECONDS:
        time.sleep(_GRAIN_SECONDS - age + 0.005)


def _ignored(name: str) -> bool:
    return name == "__pycache__" or is_partial(name)
