"""One raw row to what the tables will say about it."""

import hashlib
import marshal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import (
    READER_ERRORS,
    Format,
    RawRow,
    RawTrajectory,
    RejectionReason,
    parse_row,
)
from pivotrl_pipeline.formats.ingestion.splitting import assign_split
from pivotrl_pipeline.formats.ingestion.turns import (
    ConvertedTurns,
    convert_turns,
    leave_out,
)
from pivotrl_pipeline.formats.ingestion.whole_characters import (
    refuse_half_pairs,
    refuse_half_pairs_in,
)
from pivotrl_pipeline.formats.message_texts import dump_each
from pivotrl_pipeline.records.messages import (
    JsonObject,
    JsonValue,
    Tool,
    dump_json,
)
from pivotrl_pipeline.records.trajectories import Split


@dataclass(frozen=True, slots=True)
class IngestionSettings:
    """What becomes of the rows."""

    format: str
    """A name in `FORMATS`, or ``detect``."""
    only_successful: bool
    """Leaves out runs that failed or do not say."""
    validation_rate: float
    """Expected share of tasks held out."""
    seed: int
    """Of the split."""
    max_rejected_rate: float
    """Above this share of faulty rows the run fails."""


@dataclass(frozen=True, slots=True)
class ConvertedRow:
    """A row that became a trajectory."""

    position: int
    address: str
    trajectory_id: str
    task_id: str
    domain: str
    split: Split
    messages_text: bytes
    """ASCII, as all JSON here."""
    tools_text: bytes
    success: bool | None
    metadata_text: str
    turns: ConvertedTurns
    digest: bytes
    """Equal for equal messages and tools."""
    unoffered_calls: int
    """Calls of tools that the trajectory does not list."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that did not."""

    position: int
    reason: str
    detail: str


def convert_row(
    row: RawRow,
    format_: Format,
    tools: Sequence[Tool],
    settings: IngestionSettings,
) -> ConvertedRow | RejectedRow:
    """The row as a trajectory with its turns, or why it is none.

    What a row makes a reader raise is a rejection too: no row ends a run of many.

    Args:
        row: One input row.
        format_: How it is written.
        tools: Of trajectories that carry none.
        settings: Which rows are wanted, and how they are split.
    """
    try:
        trajectory = format_.read(parse_row(row))
        return _convert_wanted(row, trajectory, tools, settings)
    except TrajectoryError as error:
        return reject(row, error.reason, str(error))
    except RecursionError:
        return reject(
            row,
            RejectionReason.MALFORMED_ROW,
            "its values are nested too deeply to be written again; expected less "
            "than a few hundred levels: leave the row out.",
        )
    except READER_ERRORS as error:
        return reject(
            row,
            RejectionReason.READER_FAILED,
            f"the reader of format {format_.name!r} failed with {error!r:.200}; "
            f"expected it to take the row or to say what is wrong with it: report "
            f"this with the row.",
        )


def reject(row: RawRow, reason: str, found: str) -> RejectedRow:
    """The rejection of a row, with its address."""
    detail = f"{row.address}: {found}".encode("utf-8", "backslashreplace").decode()
    return RejectedRow(row.position, str(reason), detail)


def _convert_wanted(
    row: RawRow,
    trajectory: RawTrajectory,
    tools: Sequence[Tool],
    settings: IngestionSettings,
) -> ConvertedRow | RejectedRow:
    if settings.only_successful and trajectory.success is not True:
        outcome = "failed" if trajectory.success is False else "does not say"
        return reject(
            row,
            RejectionReason.NOT_SUCCESSFUL,
            f"the run {outcome}; ingestion.only_successful keeps successful ones.",
        )
    if trajectory.tools is None:
        entries = [tool.schema for tool in tools]
    else:
        entries = trajectory.tools
    return _convert(row, trajectory, entries, settings)


def _convert(
    row: RawRow,
    trajectory: RawTrajectory,
    tools: list[JsonObject],
    settings: IngestionSettings,
) -> ConvertedRow:
    message_texts = dump_each(trajectory.messages)
    messages_text = b"[%b]" % b",".join(message_texts)
    offered = _describe_tools(tools)
    trajectory_id = trajectory.trajectory_id or _make_id(messages_text, offered.text)
    task_id = trajectory.task_id or trajectory_id
    turns, digest = convert_turns(trajectory.messages, message_texts, offered.text)
    if trajectory.excluded_turns:
        turns = leave_out(turns, trajectory.excluded_turns)
    if b"\\ud" in messages_text or b"\\uD" in messages_text:
        refuse_half_pairs(trajectory.messages)
    return ConvertedRow(
        position=row.position,
        address=row.address,
        trajectory_id=trajectory_id,
        task_id=task_id,
        domain=trajectory.domain or "",
        split=assign_split(
            task_id, seed=settings.seed, validation_rate=settings.validation_rate
        ),
        messages_text=messages_text,
        tools_text=offered.text,
        success=trajectory.success,
        metadata_text=dump_json(trajectory.metadata),
        turns=turns,
        digest=digest,
        unoffered_calls=_count_unoffered(trajectory.messages, offered.names),
    )


def _make_id(*texts: bytes) -> str:
    """An id from the content: the same row gets it in whatever file it stands."""
    joined = b"\n".join(texts)
    return f"trajectory-{hashlib.blake2b(joined, digest_size=8).hexdigest()}"


class _OfferedTools(NamedTuple):
    text: bytes
    names: frozenset[str]


def _describe_tools(entries: list[JsonObject]) -> _OfferedTools:
    """What is written and asked of a trajectory's tools; many trajectories share them.

    `marshal` tells apart what JSON does, and is several times as fast.
    """
    return _describe_marshalled(marshal.dumps(entries, 2))


@lru_cache(maxsize=64)
def _describe_marshalled(marshalled: bytes) -> _OfferedTools:
    entries: list[JsonObject] = marshal.loads(marshalled)
    text = dump_json(entries).encode()
    refuse_half_pairs_in(cast("JsonValue", entries), "the list of tools")
    functions = [cast("JsonObject", entry["function"]) for entry in entries]
    names = frozenset(cast("str", function["name"]) for function in functions)
    return _OfferedTools(text, names)


def _count_unoffered(messages: list[JsonObject], offered: frozenset[str]) -> int:
    return sum(
        cast("JsonObject", call["function"])["name"] not in offered
        for message in messages
        if "tool_calls" in message
        for call in cast("list[JsonObject]", message["tool_calls"])
    )
