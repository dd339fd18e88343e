"""All raw rows to the tables of stage 1, in one pass and in little memory."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats import DETECT, detect_format, find_format
from pivotrl_pipeline.formats.base import FILTERS, Format, RawRow, parse_row
from pivotrl_pipeline.formats.ingestion.batches import convert_batches
from pivotrl_pipeline.formats.ingestion.conversion import (
    ConvertedRow,
    IngestionSettings,
    RejectedRow,
    convert_row,
    reject,
)
from pivotrl_pipeline.formats.ingestion.duplicates import DuplicateFinder
from pivotrl_pipeline.formats.ingestion.report import (
    render_counts,
    render_duplicates,
    render_reasons,
    render_unoffered,
)
from pivotrl_pipeline.formats.ingestion.rows import RowSource
from pivotrl_pipeline.formats.ingestion.tables import (
    TrajectoryTables,
    make_rejected_table,
)
from pivotrl_pipeline.formats.row_fields import read_tools, to_tools
from pivotrl_pipeline.records.messages import JsonValue, Tool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestedTables:
    """What stage 1 writes."""

    trajectories: pd.DataFrame
    pivot_candidates: pd.DataFrame
    rejected_trajectories: pd.DataFrame


def ingest_trajectories(
    raw_trajectories: object,
    raw_tools: JsonValue,
    settings: IngestionSettings,
) -> IngestedTables:
    """Trajectories, every assistant turn of them, and what was refused.

    A faulty row never ends the run by itself: it is refused with its address and its
    reason. Trajectories keep the order of the rows.

    Args:
        raw_trajectories: Rows, as `RowSource` takes them.
        raw_tools: Tool entries of trajectories that carry none.
        settings: What becomes of the rows.

    Raises:
        TrajectoryError: If no row became a trajectory, or more than
            ``max_rejected_rate`` of the rows are faulty.
        ConfigurationError: If the format or the input is of no known kind.
    """
    tools = to_tools(read_tools(raw_tools, "raw_tools"))
    tables, finder = TrajectoryTables(), DuplicateFinder()
    rejected: list[RejectedRow] = []
    unoffered: list[int] = []
    rows = RowSource(raw_trajectories)
    format_ = _resolve_format(rows, settings.format)
    convert = partial(
        _convert_batch, format_name=format_.name, tools=tools, settings=settings
    )
    joined = format_.join(rows) if format_.join else rows
    for batch, converted in convert_batches(joined, convert):
        kept: list[ConvertedRow] = []
        for row, result in zip(batch, converted, strict=True):
            if isinstance(result, RejectedRow):
                rejected.append(result)
            elif duplicate := finder.admit(result):
                rejected.append(reject(row, *duplicate))
            else:
                kept.append(result)
        unoffered.extend(row.unoffered_calls for row in kept if row.unoffered_calls)
        tables.append(kept)
    num_rows = tables.trajectories.num_rows + len(rejected)
    _check_rejected(rejected, num_rows, settings.max_rejected_rate)
    return _finish(tables, finder, rejected, unoffered, format_.name)


def _resolve_format(rows: RowSource, name: str) -> Format:
    """The named format, or the one that recognises the first readable row."""
    if name != DETECT:
        return find_format(name)
    refusal = TrajectoryError("raw_trajectories has no rows; expected at least one.")
    for row in rows:
        try:
            return detect_format(parse_row(row))
        except TrajectoryError as error:
            refusal = TrajectoryError(f"{row.address}: {error}", reason=error.reason)
    raise refusal


def _convert_batch(
    batch: list[RawRow],
    *,
    format_name: str,
    tools: Sequence[Tool],
    settings: IngestionSettings,
) -> list[ConvertedRow | RejectedRow]:
    format_ = find_format(format_name)
    return [convert_row(row, format_, tools, settings) for row in batch]


def _check_rejected(
    rejected: Sequence[RejectedRow], num_rows: int, max_rejected_rate: float
) -> None:
    faulty = [row for row in rejected if row.reason not in FILTERS]
    if num_rows == len(rejected):
        raise TrajectoryError(
            f"none of {num_rows:,} rows of raw_trajectories became a trajectory; "
            f"expected at least one.\n{render_reasons(rejected)}"
        )
    if len(faulty) > max_rejected_rate * num_rows:
        raise TrajectoryError(
            f"{len(faulty):,} of {num_rows:,} rows of raw_trajectories are faulty "
            f"({len(faulty) / num_rows:.1%}); at most {max_rejected_rate:.1%} may be: "
            f"repair them or raise ingestion.max_rejected_rate.\n"
            f"{render_reasons(faulty)}"
        )


def _finish(
    tables: TrajectoryTables,
    finder: DuplicateFinder,
    rejected: Sequence[RejectedRow],
    unoffered: Sequence[int],
    format_name: str,
) -> IngestedTables:
    trajectories = tables.trajectories.to_frame()
    candidates = tables.pivot_candidates.to_frame()
    num_rows = len(trajectories) + len(rejected)
    counts = render_counts(
        num_rows=num_rows,
        num_trajectories=len(trajectories),
        num_candidates=len(candidates),
        format_name=format_name,
    )
    states = finder.report_states()
    contested = None
    if states.contested_turns is not None:
        first, second = candidates["candidate_id"].iloc[list(states.contested_turns)]
        contested = (first, second)
    for line in [
        counts,
        *render_duplicates(states, finder.num_repeated_trajectories, contested),
        *render_unoffered(sum(unoffered), len(unoffered)),
    ]:
        logger.info(line)
    if rejected:
        share = len(rejected) / num_rows
        logger.warning(
            "%s of %s rows were left out (%.1f %%):\n%s",
            f"{len(rejected):,}",
            f"{num_rows:,}",
            100 * share,
            render_reasons(rejected),
        )
    return IngestedTables(trajectories, candidates, make_rejected_table(rejected))
