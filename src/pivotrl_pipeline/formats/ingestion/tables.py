"""A batch of rows as a piece of the tables `trajectories` and `pivot_candidates`.

Pieces are Arrow batches: another process makes them and leaves them in a file, and none
of their texts becomes a Python object again.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress

import pyarrow as pa

from pivotrl_pipeline.formats import find_format
from pivotrl_pipeline.formats.base import RawRow
from pivotrl_pipeline.formats.ingestion.conversion import (
    ConvertedRow,
    IngestionSettings,
    RejectedRow,
    convert_row,
)
from pivotrl_pipeline.records.messages import Tool
from pivotrl_pipeline.records.stored_batches import BatchReader, Piece
from pivotrl_pipeline.records.trajectories import make_candidate_id

_TEXT, _NUMBER = pa.large_string(), pa.int64()
_flatten = chain.from_iterable


def _schema(*columns: tuple[str, pa.DataType], nullable: str) -> pa.Schema:
    return pa.schema(
        [pa.field(name, type_, nullable=name == nullable) for name, type_ in columns]
    )


TRAJECTORIES = _schema(
    ("trajectory_id", _TEXT),
    ("task_id", _TEXT),
    ("domain", _TEXT),
    ("split", _TEXT),
    ("messages", _TEXT),
    ("tools", _TEXT),
    ("success", pa.bool_()),
    ("metadata", _TEXT),
    nullable="success",
)
PIVOT_CANDIDATES = _schema(
    ("candidate_id", _TEXT),
    ("trajectory_id", _TEXT),
    ("turn_index", _NUMBER),
    ("message_index", _NUMBER),
    ("demonstrated_action", _TEXT),
    ("action_type", _TEXT),
    ("prompt_tokens", _NUMBER),
    nullable="prompt_tokens",
)


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """What must be known of a row beside its place in the tables."""

    row: RawRow
    trajectory_id: str
    digest: bytes
    num_turns: int
    unoffered_calls: int


@dataclass(frozen=True, slots=True)
class ConvertedBatch:
    """What became of a batch of rows."""

    accepted: list[AcceptedRow]
    rejected: list[RejectedRow]
    trajectories: Piece
    """One row per accepted row."""
    pivot_candidates: Piece
    """``num_turns`` rows per accepted row."""
    states: "array[int]"
    """One digest per candidate."""
    actions: "array[int]"
    """One digest per candidate."""


def convert_batch(
    batch: Sequence[RawRow],
    *,
    format_name: str,
    tools: Sequence[Tool],
    settings: IngestionSettings,
) -> ConvertedBatch:
    """The pieces of the tables that the rows make, and the rows that make none."""
    format_ = find_format(format_name)
    accepted: list[AcceptedRow] = []
    rows: list[ConvertedRow] = []
    rejected: list[RejectedRow] = []
    for raw in batch:
        row = convert_row(raw, format_, tools, settings)
        if isinstance(row, RejectedRow):
            rejected.append(row)
            continue
        rows.append(row)
        accepted.append(
            AcceptedRow(
                # Its text is in the tables, and need not travel again.
                RawRow(raw.source, raw.position, raw.unit, None),
                row.trajectory_id,
                row.digest,
                len(row.turns.actions),
                row.unoffered_calls,
            )
        )
    return ConvertedBatch(
        accepted,
        rejected,
        _make_trajectories(rows),
        _make_candidates(rows),
        array("q", b"".join(_flatten(row.turns.states for row in rows))),
        array("q", b"".join(_flatten(row.turns.actions for row in rows))),
    )


def select_rows(batch: ConvertedBatch, is_kept: Sequence[bool]) -> ConvertedBatch:
    """The batch without some of its accepted rows."""
    rows = list(zip(batch.accepted, is_kept, strict=True))
    is_kept_turn = [kept for row, kept in rows for _ in range(row.num_turns)]
    return ConvertedBatch(
        [row for row, kept in rows if kept],
        batch.rejected,
        _select(batch.trajectories, is_kept),
        _select(batch.pivot_candidates, is_kept_turn),
        array("q", compress(batch.states, is_kept_turn)),
        array("q", compress(batch.actions, is_kept_turn)),
    )


def _select(piece: Piece, is_kept: Sequence[bool]) -> pa.RecordBatch:
    return BatchReader().read(piece).filter(pa.array(is_kept, type=pa.bool_()))


def _make_trajectories(rows: Sequence[ConvertedRow]) -> pa.RecordBatch:
    columns: list[Sequence[object]] = [
        [row.trajectory_id for row in rows],
        [row.task_id for row in rows],
        [row.domain for row in rows],
        [row.split for row in rows],
        [row.messages_text for row in rows],
        [row.tools_text for row in rows],
        [row.success for row in rows],
        [row.metadata_text for row in rows],
    ]
    return _make_batch(columns, TRAJECTORIES)


def _make_candidates(rows: Sequence[ConvertedRow]) -> pa.RecordBatch:
    keys = [
        (row.trajectory_id, turn_index)
        for row in rows
        for turn_index in row.turns.turn_indices
    ]
    columns: list[Sequence[object]] = [
        [make_candidate_id(*key) for key in keys],
        [trajectory_id for trajectory_id, _ in keys],
        [turn_index for _, turn_index in keys],
        list(_flatten(row.turns.message_indices for row in rows)),
        list(_flatten(row.turns.action_texts for row in rows)),
        list(_flatten(row.turns.action_types for row in rows)),
        [None] * len(keys),
    ]
    return _make_batch(columns, PIVOT_CANDIDATES)


def _make_batch(
    columns: Sequence[Sequence[object]], schema: pa.Schema
) -> pa.RecordBatch:
    arrays = [
        _make_array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def _make_array(column: Sequence[object], type_: pa.DataType) -> pa.Array:
    if column and isinstance(column[0], bytes):
        return pa.array(column, type=pa.large_binary()).view(type_)
    return pa.array(column, type=type_)
