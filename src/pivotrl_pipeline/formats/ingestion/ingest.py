"""All raw rows to the tables of stage 1, in one pass and in little memory."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats import DETECT, detect_format, find_format
from pivotrl_pipeline.formats.base import FILTERS, Format, parse_row
from pivotrl_pipeline.formats.ingestion.batches import convert_batches
from pivotrl_pipeline.formats.ingestion.conversion import (
    IngestionSettings,
    RejectedRow,
    reject,
)
from pivotrl_pipeline.formats.ingestion.duplicates import (
    DuplicateFinder,
    make_duplicates_table,
)
from pivotrl_pipeline.formats.ingestion.report import (
    render_counts,
    render_duplicates,
    render_reasons,
    render_rejected,
    render_unoffered,
)
from pivotrl_pipeline.formats.ingestion.rows import RowSource
from pivotrl_pipeline.formats.ingestion.tables import (
    PIVOT_CANDIDATES,
    TRAJECTORIES,
    ConvertedBatch,
    convert_batch,
    select_rows,
)
from pivotrl_pipeline.formats.row_fields import read_tools, to_tools
from pivotrl_pipeline.records.messages import JsonValue
from pivotrl_pipeline.records.table_builder import TableBuilder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestedTables:
    """What stage 1 writes."""

    trajectories: pd.DataFrame
    pivot_candidates: pd.DataFrame
    rejected_trajectories: pd.DataFrame
    duplicates: pd.DataFrame


def ingest_trajectories(
    raw_trajectories: object,
    raw_tools: JsonValue,
    settings: IngestionSettings,
) -> IngestedTables:
    """Trajectories, every turn of them, what was refused, and what comes twice.

    A faulty row never ends the run by itself: it is refused with its address and its
    reason. Trajectories keep the order of the rows.

    Args:
        raw_trajectories: Rows, as `RowSource` takes them.
        raw_tools: Tool entries of trajectories that carry none.
        settings: What becomes of the rows.

    Raises:
        TrajectoryError: If no row became a trajectory, or more than
            ``max_rejected_rate`` of the rows, joined or not, are faulty.
        ConfigurationError: If the format or the input is of no known kind.
    """
    tools = to_tools(read_tools(raw_tools, "raw_tools"))
    rows = RowSource(raw_trajectories)
    format_ = _resolve_format(rows, settings.format)
    convert = partial(
        convert_batch, format_name=format_.name, tools=tools, settings=settings
    )
    collected = _Collected()
    joined = format_.join(rows) if format_.join else rows
    with TemporaryDirectory() as folder:
        for batch in convert_batches(joined, convert, Path(folder)):
            collected.add(batch)
        _check_rejected(collected, rows.num_rows, settings.max_rejected_rate)
        return _finish(collected, rows.num_rows, format_.name)


class _Collected:
    """What has come out of the rows so far."""

    def __init__(self) -> None:
        self.trajectories = TableBuilder(TRAJECTORIES)
        self.pivot_candidates = TableBuilder(PIVOT_CANDIDATES)
        self.rejected: list[RejectedRow] = []
        self.unoffered_calls: list[int] = []
        self.duplicates = DuplicateFinder()

    def add(self, batch: ConvertedBatch) -> None:
        """Takes a batch, without the rows whose id is taken."""
        self.rejected += batch.rejected
        is_kept = []
        for row in batch.accepted:
            duplicate = self.duplicates.admit(row)
            is_kept.append(duplicate is None)
            if duplicate is not None:
                self.rejected.append(reject(row.row, *duplicate))
            elif row.unoffered_calls:
                self.unoffered_calls.append(row.unoffered_calls)
        kept = batch if all(is_kept) else select_rows(batch, is_kept)
        self.trajectories.append(kept.trajectories)
        self.pivot_candidates.append(kept.pivot_candidates)
        self.duplicates.remember_turns(kept.states, kept.actions)


def _resolve_format(rows: RowSource, name: str) -> Format:
    """The named format, or the one that recognises the first readable row."""
    if name != DETECT:
        return find_format(name)
    # The first is the one to look at; the last may be a closing bracket.
    first: TrajectoryError | None = None
    for row in rows:
        try:
            return detect_format(parse_row(row))
        except TrajectoryError as error:
            place = f"{row.address}: {error}"
            first = first or TrajectoryError(place, reason=error.reason)
    raise first or TrajectoryError(
        "raw_trajectories has no rows; expected at least one: check the file that the "
        "catalog names."
    )


def _check_rejected(
    collected: _Collected, num_rows: int, max_rejected_rate: float
) -> None:
    if not collected.trajectories.num_rows:
        raise TrajectoryError(
            f"none of {num_rows:,} rows of raw_trajectories became a trajectory; "
            f"expected at least one.\n{render_reasons(collected.rejected)}"
        )
    faulty = [row for row in collected.rejected if row.reason not in FILTERS]
    if len(faulty) > max_rejected_rate * num_rows:
        raise TrajectoryError(
            f"{len(faulty):,} of {num_rows:,} rows of raw_trajectories are faulty "
            f"({len(faulty) / num_rows:.1%}); at most {max_rejected_rate:.1%} may be: "
            f"repair them or raise ingestion.max_rejected_rate.\n"
            f"{render_reasons(faulty)}"
        )


def _finish(collected: _Collected, num_rows: int, format_name: str) -> IngestedTables:
    trajectories = collected.trajectories.to_frame()
    candidates = collected.pivot_candidates.to_frame()
    states = collected.duplicates.find_repeated_states()
    duplicates = make_duplicates_table(
        states, collected.duplicates.repeated_trajectories, candidates["candidate_id"]
    )
    lines = [
        render_counts(
            num_rows=num_rows,
            num_trajectories=len(trajectories),
            num_candidates=len(candidates),
            format_name=format_name,
        ),
        *render_duplicates(duplicates, states.num_states),
        *render_unoffered(
            sum(collected.unoffered_calls), len(collected.unoffered_calls)
        ),
        *render_rejected(collected.rejected, num_rows),
    ]
    for line in lines:
        logger.info(line)
    rejected = make_rejected_table(collected.rejected)
    return IngestedTables(trajectories, candidates, rejected, duplicates)


def make_rejected_table(rejected: Sequence[RejectedRow]) -> pd.DataFrame:
    """The table `rejected_trajectories`, in the order of the rows."""
    ordered = sorted(rejected, key=lambda row: row.position)
    return pd.DataFrame(
        {
            "source_row": pd.array([row.position for row in ordered], dtype="int64"),
            "reason": pd.array([row.reason for row in ordered], dtype="str"),
            "detail": pd.array([row.detail for row in ordered], dtype="str"),
        }
    )
