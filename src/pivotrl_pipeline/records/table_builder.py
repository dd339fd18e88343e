"""Builds a table batch by batch, on disk where it grows large.

A table of 10 GB of JSON text must not need 10 GB of memory. Beyond a limit the
batches go to a temporary file, and the frame that is handed on reads its columns from
there: to its user it is a frame like any other. The file has no name and goes with the
frame.
"""

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pivotrl_pipeline.records.stored_batches import (
    BatchFile,
    BatchReader,
    Piece,
    StoredBatch,
)

SPILL_BYTES = 256 * 2**20
"""Batches beyond this many bytes are kept on disk."""


class TableBuilder:
    """Collects the rows of one table."""

    def __init__(self, schema: pa.Schema, *, spill_bytes: int = SPILL_BYTES) -> None:
        """An empty table.

        Args:
            schema: Arrow types of the columns; text must be ``large_string``, which
                pandas takes over without a copy, and what is never missing must be
                declared so.
            spill_bytes: How much to hold in memory.
        """
        self.schema = schema
        self._spill_bytes = spill_bytes
        self._batches: list[Piece] = []
        self._num_bytes = 0
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._stored: BatchFile | None = None
        self.num_rows = 0

    def append(self, batch: Piece) -> None:
        """Adds rows.

        Args:
            batch: Has the table's schema. The file of a stored one must keep its name
                until the table is read.
        """
        self.num_rows += batch.num_rows
        if not isinstance(batch, StoredBatch):
            self._num_bytes += batch.nbytes
            if self._num_bytes > self._spill_bytes:
                batch = self._spill(batch)
        self._batches.append(batch)

    def to_frame(self) -> pd.DataFrame:
        """All rows, in the order they came; nothing can be added after."""
        reader = BatchReader()
        batches = [reader.read(batch) for batch in self._batches]
        if self._file is not None:
            # Mapped pages outlive the name of their file.
            self._file.close()
        table = pa.Table.from_batches(batches, schema=self.schema)
        return pd.DataFrame(
            {
                field.name: table[field.name].to_pandas(
                    types_mapper=_NULLABLE_TYPES.get if field.nullable else None
                )
                for field in self.schema
            }
        )

    def _spill(self, batch: pa.RecordBatch) -> StoredBatch:
        """Stores the batch, and with the first one all that is in memory."""
        if self._stored is None:
            self._file = tempfile.NamedTemporaryFile(suffix=".arrow")  # noqa: SIM115
            self._stored = BatchFile(Path(self._file.name))
            self._batches = [
                each if isinstance(each, StoredBatch) else self._stored.append(each)
                for each in self._batches
            ]
        return self._stored.append(batch)


_NULLABLE_TYPES = {pa.bool_(): pd.BooleanDtype(), pa.int64(): pd.Int64Dtype()}
