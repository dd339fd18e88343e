"""One raw row to what the tables will say about it."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import (
    Format,
    RawRow,
    RawTrajectory,
    RejectionReason,
    parse_row,
)
from pivotrl_pipeline.formats.ingestion.splitting import assign_split
from pivotrl_pipeline.records.messages import (
    ActionType,
    JsonObject,
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


class ConvertedTurn(NamedTuple):
    """One assistant turn."""

    message_index: int
    action_text: str
    action_type: ActionType
    state_digest: int
    """Equal for equal states."""
    action_digest: int


@dataclass(frozen=True, slots=True)
class ConvertedRow:
    """A row that became a trajectory."""

    position: int
    address: str
    trajectory_id: str
    task_id: str
    domain: str
    split: Split
    messages_text: str
    tools_text: str
    success: bool | None
    metadata_text: str
    turns: list[ConvertedTurn]
    digest: int
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
    """The row as a trajectory with its turns, or why it is none; never raises.

    Args:
        row: One input row.
        format_: How it is written.
        tools: Of trajectories that carry none.
        settings: Which rows are wanted, and how they are split.
    """
    try:
        trajectory = format_.read(parse_row(row))
    except TrajectoryError as error:
        return reject(row, error.reason, str(error))
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


def reject(row: RawRow, reason: str, found: str) -> RejectedRow:
    """The rejection of a row, with its address."""
    detail = f"{row.address}: {found}".encode("utf-8", "backslashreplace").decode()
    return RejectedRow(row.position, str(reason), detail)


def _convert(
    row: RawRow,
    trajectory: RawTrajectory,
    tools: list[JsonObject],
    settings: IngestionSettings,
) -> ConvertedRow:
    messages_text = dump_json(trajectory.messages)
    tools_text = dump_json(tools)
    trajectory_id = trajectory.trajectory_id or _make_id(messages_text, tools_text)
    task_id = trajectory.task_id or trajectory_id
    turns, digest = _convert_turns(trajectory.messages, zlib.crc32(tools_text.encode()))
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
        tools_text=tools_text,
        success=trajectory.success,
        metadata_text=dump_json(trajectory.metadata),
        turns=turns,
        digest=digest,
        unoffered_calls=_count_unoffered(trajectory.messages, tools),
    )


def _make_id(*texts: str) -> str:
    """An id from the content: the same row gets it in whatever file it stands."""
    joined = "\n".join(texts).encode()
    return f"trajectory-{hashlib.blake2b(joined, digest_size=8).hexdigest()}"


def _convert_turns(
    messages: list[JsonObject], digest: int
) -> tuple[list[ConvertedTurn], int]:
    """The assistant turns, and the digest of the whole conversation.

    Args:
        messages: In canonical form.
        digest: Of what stands before them: the tools.
    """
    turns = []
    for index, message in enumerate(messages):
        own = _digest(message)
        if message["role"] == "assistant":
            is_call = "tool_calls" in message
            action_type = ActionType.TOOL_CALL if is_call else ActionType.MESSAGE
            text = dump_json(message)
            turns.append(ConvertedTurn(index, text, action_type, digest, own))
        digest = hash((digest, own))
    return turns, digest


def _digest(message: JsonObject) -> int:
    """Of what a policy sees of a message; call ids are noise and do not count."""
    parts = [
        message["role"],
        message["content"],
        message.get("name"),
        message.get("reasoning_content"),
    ]
    for call in cast("list[dict[str, JsonObject]]", message.get("tool_calls", ())):
        function = call["function"]
        parts += (function["name"], function["arguments"])
    # Not hash(): that of a text differs between processes.
    text = "\0".join(["-" if part is None else f"={part}" for part in parts])
    encoded = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(
        hashlib.blake2b(encoded, digest_size=8).digest(), "big", signed=True
    )


def _count_unoffered(messages: list[JsonObject], tools: list[JsonObject]) -> int:
    offered = {_name_of(entry) for entry in tools}
    return sum(
        cast("JsonObject", call["function"])["name"] not in offered
        for message in messages
        for call in cast("list[JsonObject]", message.get("tool_calls", ()))
    )


def _name_of(entry: JsonObject) -> str:
    return cast("str", cast("JsonObject", entry["function"])["name"])
