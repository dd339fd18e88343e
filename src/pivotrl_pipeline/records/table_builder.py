"""Builds a table batch by batch, on disk where it grows large.

A table of 10 GB of JSON text must not need 10 GB of memory. Beyond a limit the
batches go to a temporary file, and the frame that is handed on reads its columns from
there: to its user it is a frame like any other, to the operating system it is pages
that can be dropped at any time. The file has no name and goes with the frame.
"""

import tempfile

import pandas as pd
import pyarrow as pa

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
        self._batches: list[pa.RecordBatch] = []
        self._num_bytes = 0
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._writer: pa.RecordBatchFileWriter | None = None
        self.num_rows = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Adds rows; the batch must have the table's schema."""
        self.num_rows += batch.num_rows
        if self._writer is None and self._num_bytes + batch.nbytes > self._spill_bytes:
            self._start_spilling()
        if self._writer is None:
            self._batches.append(batch)
            self._num_bytes += batch.nbytes
        else:
            self._writer.write_batch(batch)

    def to_frame(self) -> pd.DataFrame:
        """All rows, in the order they came; nothing can be added after."""
        if self._writer is None or self._file is None:
            table = pa.Table.from_batches(self._batches, schema=self.schema)
        else:
            self._writer.close()
            self._file.flush()
            table = pa.ipc.open_file(pa.memory_map(self._file.name)).read_all()
            # Mapped pages outlive the name of their file.
            self._file.close()
        return pd.DataFrame(
            {
                field.name: table[field.name].to_pandas(
                    types_mapper=_NULLABLE_TYPES.get if field.nullable else None
                )
                for field in self.schema
            }
        )

    def _start_spilling(self) -> None:
        self._file = tempfile.NamedTemporaryFile(suffix=".arrow")  # noqa: SIM115
        self._writer = pa.ipc.new_file(self._file, self.schema)
        for batch in self._batches:
            self._writer.write_batch(batch)
        self._batches.clear()


_NULLABLE_TYPES = {pa.bool_(): pd.BooleanDtype(), pa.int64(): pd.Int64Dtype()}
