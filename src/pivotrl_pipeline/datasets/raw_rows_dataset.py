"""`RawRowsDataset`: rows of a file as they stand, each with its address."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError

from pivotrl_pipeline.datasets.zstd_stream import open_zstd
from pivotrl_pipeline.formats.base import RawRow

Kind: TypeAlias = Literal["lines", "array", "parquet"]

_COMPRESSIONS = {".gz", ".zst"}
_KINDS: dict[str, Kind] = {
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "array",
    ".parquet": "parquet",
}
_PARQUET_ROWS = 64


@dataclass(frozen=True, slots=True)
class RowFile:
    """The rows of one file, read anew at each pass and never all in memory.

    A JSON array is the exception: it has no rows until it is parsed as a whole.
    """

    path: Path
    kind: Kind

    def __iter__(self) -> Iterator[RawRow]:
        """The rows in the order of the file; lines are not parsed yet.

        Raises:
            DatasetError: If the file cannot be read as what its name says.
        """
        read = {"lines": self._lines, "array": self._array, "parquet": self._parquet}
        try:
            yield from read[self.kind]()
        except ImportError as error:
            raise DatasetError(
                f"{self.path.name} is compressed with zstd, which is not installed; "
                "call `python3 install.py zstd`."
            ) from error
        except (OSError, EOFError, ValueError) as error:
            raise DatasetError(
                f"{self.path.name} cannot be read to its end ({error}); expected "
                f"{self.path.suffix} content: check that the file is whole."
            ) from error

    def _lines(self) -> Iterator[RawRow]:
        with _open(self.path) as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield RawRow(self.path.name, number, "line", line)

    def _array(self) -> Iterator[RawRow]:
        with _open(self.path) as file:
            rows = json.load(file)
        if not isinstance(rows, list):
            raise DatasetError(
                f"{self.path.name} holds a {type(rows).__name__}; expected an array "
                f"of rows. Name a file of lines .jsonl."
            )
        for number, row in enumerate(rows, start=1):
            yield RawRow(self.path.name, number, "row", row)

    def _parquet(self) -> Iterator[RawRow]:
        number = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield RawRow(
                        self.path.name, number, "row", row, has_filled_nulls=True
                    )


class RawRowsDataset(AbstractDataset[Any, RowFile]):
    """Trajectories as a harness wrote them: JSON lines, a JSON array or Parquet.

    ```yaml
    raw_trajectories:
      type: pivotrl_pipeline.datasets.raw_rows_dataset.RawRowsDataset
      filepath: data/01_raw/trajectories.jsonl.gz
    ```

    The name tells the kind (``.jsonl``, ``.ndjson``, ``.json``, ``.parquet``) and the
    compression (``.gz``, ``.zst``). A line that is not JSON is a row like any other
    here: ingestion refuses it with its number.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Rows of the file at ``filepath``.

        Args:
            filepath: A local file.
            metadata: Of plug-ins; not used here.

        Raises:
            DatasetError: If the name tells no known kind.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata
        suffixes = [
            part for part in self._filepath.suffixes if part not in _COMPRESSIONS
        ]
        kind = _KINDS.get(suffixes[-1] if suffixes else "")
        if kind is None:
            raise DatasetError(
                f"{self._filepath.name} has no known ending; expected one of "
                f"{', '.join(sorted(_KINDS))}, optionally followed by "
                f"{' or '.join(sorted(_COMPRESSIONS))}."
            )
        self._rows = RowFile(self._filepath, kind)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

    def load(self) -> RowFile:
        """The rows, to be iterated over.

        Raises:
            DatasetError: If there is no such file.
        """
        if not self._filepath.is_file():
            raise DatasetError(
                f"{self._filepath} does not exist; expected a file of trajectories: "
                f"put it there, or name yours as raw_trajectories in "
                f"conf/local/catalog.yml."
            )
        return self._rows

    def save(self, data: Any) -> None:
        """Refuses: raw rows are input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is raw input and is never written.")

    def _exists(self) -> bool:
        return self._filepath.is_file()


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            yield cast("BinaryIO", file)
    elif path.suffix == ".zst":
        with path.open("rb") as raw:
            yield open_zstd(raw)
    else:
        with path.open("rb") as file:
            yield file
