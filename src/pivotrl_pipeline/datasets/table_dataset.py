"""`TableDataset`: a table as Parquet that is never seen half-written."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError
from kedro_datasets.pandas.parquet_dataset import ParquetDataset

from pivotrl_pipeline.datasets.whole_file import replace_file
from pivotrl_pipeline.records.table_builder import SPILL_BYTES, TableBuilder

_BATCH_ROWS = 1024


class TableDataset(ParquetDataset):
    """`pandas.ParquetDataset`, written beside its place and then renamed.

    ```yaml
    trajectories:
      type: pivotrl_pipeline.datasets.table_dataset.TableDataset
      filepath: data/02_intermediate/trajectories.parquet
      validator: pivotrl_pipeline.records.tables.Trajectories
    ```

    A run that is killed while it writes leaves the table as it was. A large table is
    read to a temporary file, so that it need not fit into memory (`TableBuilder`).

    >>> dataset = TableDataset(filepath=tmp_path / "table.parquet")
    >>> dataset.save(pd.DataFrame({"turns": [3, 5]}))
    >>> dataset.load()["turns"].tolist()
    [3, 5]
    """

    DEFAULT_SAVE_ARGS: dict[str, Any] = {  # noqa: RUF012 (as the base declares it)
        "compression": "zstd",
        "index": False,
        "row_group_size": 8192,
    }

    def load(self) -> pd.DataFrame:
        """The table; in pages of a temporary file where it is large.

        Raises:
            DatasetError: If there is no such file, or it is not a whole table.
        """
        path = str(self._get_load_path())
        if self._protocol == "file" and not Path(path).exists():
            raise DatasetError(
                f"{path} is not there; expected the table that an earlier stage "
                f"writes: run `kedro run`, or the pipeline of that stage, first."
            )
        try:
            if self._protocol == "file" and not self._load_args:
                with pq.ParquetFile(path) as file:
                    if _count_bytes(file) > SPILL_BYTES:
                        return _load_by_row_group(file)
            frame: pd.DataFrame = super().load()
        except (pa.ArrowInvalid, OSError) as error:
            raise DatasetError(
                f"{path} cannot be read ({error}); expected a whole Parquet table: run "
                f"the pipeline of the stage that writes it again."
            ) from error
        return frame

    def save(self, data: pd.DataFrame) -> None:
        """Replaces the table as a whole; on an object store a write already does."""
        if self._protocol != "file":
            super().save(data)
            return
        with replace_file(Path(self._get_save_path())) as part:
            data.to_parquet(part, **self._save_args)
        self._invalidate_cache()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _count_bytes(file: pq.ParquetFile) -> int:
    """Uncompressed."""
    metadata = file.metadata
    sizes = (metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
    return sum(sizes)


def _load_by_row_group(file: pq.ParquetFile) -> pd.DataFrame:
    builder = TableBuilder(_find_schema(file.schema_arrow))
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        builder.append(batch.cast(builder.schema))
    return builder.to_frame()


def _find_schema(schema: pa.Schema) -> pa.Schema:
    """As the builder wants it: pandas has noted which columns may lack values."""
    noted = (schema.pandas_metadata or {}).get("columns", [])
    types = {column["name"]: column["numpy_type"] for column in noted}
    return pa.schema(
        [
            field.with_type(pa.large_string())
            if pa.types.is_string(field.type)
            else field.with_nullable(types.get(field.name) not in ("bool", "int64"))
            for field in schema
        ]
    )
