"""Record batches that lie in a file, where another process may have put them."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """Where a record batch lies."""

    path: str
    start: int
    num_bytes: int
    num_rows: int


Piece: TypeAlias = "pa.RecordBatch | StoredBatch"
"""A batch in memory or in a file."""


class BatchFile:
    """A file of batches, which one process appends and any process reads."""

    def __init__(self, path: Path) -> None:
        """An empty file at ``path``."""
        self._path = str(path)
        self._file = pa.OSFile(self._path, "wb")

    def append(self, batch: pa.RecordBatch) -> StoredBatch:
        """Writes the batch, which can be read as soon as this returns.

        Raises:
            OSError: Names the file, which Arrow does not.
        """
        start = self._file.tell()
        try:
            # A stream of its own takes its dictionaries along.
            with pa.ipc.new_stream(self._file, batch.schema) as stream:
                stream.write_batch(batch)
        except OSError as error:
            code = error.errno or errno.EIO
            raise OSError(code, os.strerror(code), self._path) from error
        num_bytes = self._file.tell() - start
        return StoredBatch(self._path, start, num_bytes, batch.num_rows)


class BatchReader:
    """Reads stored batches without a copy.

    Their pages are mapped: to the operating system they are what it can drop at any
    time, and they outlive the name of their file.
    """

    def __init__(self) -> None:
        """No file is read yet."""
        self._files: dict[str, pa.Buffer] = {}

    def read(self, batch: Piece) -> pa.RecordBatch:
        """The batch as it was appended, or as it is."""
        if not isinstance(batch, StoredBatch):
            return batch
        end = batch.start + batch.num_bytes
        if batch.path not in self._files or self._files[batch.path].size < end:
            with pa.memory_map(batch.path) as file:
                self._files[batch.path] = file.read_buffer()
        stored = self._files[batch.path].slice(batch.start, batch.num_bytes)
        return pa.ipc.open_stream(stored).read_next_batch()
