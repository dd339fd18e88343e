"""`TableDataset`: a table as Parquet that is never seen half-written."""

import uuid
from pathlib import Path
from typing import Any

import pandas as pd
from kedro_datasets.pandas.parquet_dataset import ParquetDataset


class TableDataset(ParquetDataset):
    """`pandas.ParquetDataset`, written beside its place and then renamed.

    ```yaml
    trajectories:
      type: pivotrl_pipeline.datasets.table_dataset.TableDataset
      filepath: data/02_intermediate/trajectories.parquet
      validator: pivotrl_pipeline.records.tables.Trajectories
    ```

    A run that is killed while it writes leaves the table as it was. Row groups are
    small enough to be read one by one where a table does not fit into memory.

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

    def save(self, data: pd.DataFrame) -> None:
        """Replaces the table as a whole; on an object store a write already does."""
        if self._protocol != "file":
            super().save(data)
            return
        place = Path(self._get_save_path())
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
        try:
            data.to_parquet(part, **self._save_args)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        self._invalidate_cache()
