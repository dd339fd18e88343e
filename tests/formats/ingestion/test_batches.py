"""Rows in batches, converted by other processes."""

from functools import partial
from pathlib import Path

import pytest

from pivotrl_pipeline.formats.base import RawRow
from pivotrl_pipeline.formats.ingestion import batches
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.tables import convert_batch
from pivotrl_pipeline.records.stored_batches import StoredBatch

TEXT = (
    b'{"messages": [{"role": "user", "content": ""},'
    b' {"role": "assistant", "content": ""}]}'
)
SETTINGS = IngestionSettings(
    "openai", only_successful=False, validation_rate=0.5, seed=0, max_rejected_rate=0.0
)


def test_beyond_a_limit_pieces_are_left_in_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ROWS", 2)
    monkeypatch.setattr(batches, "SERIAL_BYTES", 3 * len(TEXT))
    monkeypatch.setattr(batches, "_count_processors", lambda: 2)
    rows = [RawRow("runs.jsonl", number, "line", TEXT) for number in range(1, 9)]
    convert = partial(convert_batch, format_name="openai", tools=[], settings=SETTINGS)

    pieces = list(batches.convert_batches(rows, convert, tmp_path))

    assert [[row.row.position for row in piece.accepted] for piece in pieces] == [
        *([1, 2], [3, 4], [5, 6], [7, 8])
    ]
    assert [isinstance(each.trajectories, StoredBatch) for each in pieces] == [
        *(False, True, True, True)
    ]
    assert [each.pivot_candidates.num_rows for each in pieces] == [2, 2, 2, 2]
