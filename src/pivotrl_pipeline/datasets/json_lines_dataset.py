"""`JsonLinesDataset`: rows as JSON lines, never seen half-written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from pivotrl_pipeline.datasets.whole_file import replace_file
from pivotrl_pipeline.records.messages import JsonObject, dump_json


class JsonLinesDataset(AbstractDataset[Iterable[JsonObject], list[JsonObject]]):
    """One JSON object a line; nested values as they are.

    ```yaml
    nemo_gym_train:
      type: pivotrl_pipeline.datasets.json_lines_dataset.JsonLinesDataset
      filepath: data/05_model_input/nemo_gym/train.jsonl
    ```

    >>> dataset = JsonLinesDataset(filepath=str(tmp_path / "rows.jsonl"))
    >>> dataset.save([{"a": {"b": 1}}])
    >>> dataset.load()
    [{'a': {'b': 1}}]
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Rows in the local file at ``filepath``."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

    def load(self) -> list[JsonObject]:
        """All rows.

        Raises:
            DatasetError: If a line is not JSON; names its number.
        """
        rows = []
        with self._filepath.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    rows.append(json.loads(line))
                except ValueError as error:
                    raise DatasetError(
                        f"{self._filepath.name}, line {number}: not JSON ({error}); "
                        f"expected one object a line: write the file again."
                    ) from error
        return rows

    def save(self, data: Iterable[JsonObject]) -> None:
        """Replaces the file as a whole."""
        with (
            replace_file(self._filepath) as part,
            part.open("w", encoding="utf-8") as file,
        ):
            file.writelines(f"{dump_json(row)}\n" for row in data)

    def _exists(self) -> bool:
        return self._filepath.is_file()
