"""Record batches that lie in a file, where another process may have put them."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """Where a record batch lies."""

    path: str
    start: int
    num_bytes: int
    num_rows: int


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
        message = batch.serialize()
        try:
            self._file.write(message)
        except OSError as error:
            code = error.errno or errno.EIO
            raise OSError(code, os.strerror(code), self._path) from error
        return StoredBatch(self._path, start, message.size, batch.num_rows)


class BatchReader:
    """Reads stored batches without a copy.

    Their pages are mapped: to the operating system they are what it can drop at any
    time, and they outlive the name of their file.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """A reader of batches with the schema."""
        self._schema = schema
        self._files: dict[str, pa.Buffer] = {}

    def read(self, batch: StoredBatch) -> pa.RecordBatch:
        """The batch as it was appended."""
        end = batch.start + batch.num_bytes
        if batch.path not in self._files or self._files[batch.path].size < end:
            with pa.memory_map(batch.path) as file:
                self._files[batch.path] = file.read_buffer()
        message = self._files[batch.path].slice(batch.start, batch.num_bytes)
        return pa.ipc.read_record_batch(message, self._schema)
