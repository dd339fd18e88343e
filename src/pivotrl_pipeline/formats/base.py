"""What a format of trajectories is: rows in, OpenAI chat messages out, and back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import cast
from uuid import UUID

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.records.json_text import parse_json
from pivotrl_pipeline.records.messages import JsonObject, JsonValue


class RejectionReason(StrEnum):
    """Why an input row became no trajectory. The slug is what stands in the table."""

    MALFORMED_LINE = "malformed_line"
    """The line is not JSON."""
    MALFORMED_ROW = "malformed_row"
    """JSON, but not a row of this format."""
    MALFORMED_MESSAGE = "malformed_message"
    """A message is not an object, or holds calls where none can stand."""
    UNKNOWN_ROLE = "unknown_role"
    """A role that no chat template knows."""
    UNSUPPORTED_CONTENT = "unsupported_content"
    """Content that is not text."""
    HALF_SURROGATE_PAIR = "half_surrogate_pair"
    """A text that was cut inside a character, which no tokenizer takes."""
    MALFORMED_CALL = "malformed_call"
    """A tool call without a name or without arguments."""
    ARGUMENTS_NOT_JSON = "arguments_not_json"
    """Arguments that are not the text of a JSON object."""
    TOOL_RESULT_WITHOUT_CALL = "tool_result_without_call"
    """Nothing was called, or everything called is answered."""
    CALL_ID_MISMATCH = "call_id_mismatch"
    """A tool result that names a call which was not made."""
    NO_ASSISTANT_TURN = "no_assistant_turn"
    """Nothing to learn from."""
    MALFORMED_TOOLS = "malformed_tools"
    """Tools that are not OpenAI tool entries."""
    DUPLICATE_ID = "duplicate_id"
    """Another trajectory has the same id."""
    DUPLICATE_TRAJECTORY = "duplicate_trajectory"
    """The same id and the same content as an earlier row."""
    READER_FAILED = "reader_failed"
    """The reader stumbled over the row: a fault of the reader, to be reported."""
    NOT_SUCCESSFUL = "not_successful"
    """Only successful trajectories were asked for."""


FILTERS = frozenset(
    {RejectionReason.NOT_SUCCESSFUL, RejectionReason.DUPLICATE_TRAJECTORY}
)
"""Reasons that tell of no fault in the row; they do not count against the limit."""

READER_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a reader raises over a row that it did not foresee. Others, as a lack of memory,
are no matter of the row."""


@dataclass(frozen=True, slots=True)
class RawTrajectory:
    """One recorded run as OpenAI chat JSON, as a format reads it and writes it."""

    messages: list[JsonObject]
    """OpenAI chat messages; argument text as recorded."""
    tools: list[JsonObject] | None = None
    """OpenAI tool entries; None where the row carries none."""
    trajectory_id: str | None = None
    task_id: str | None = None
    domain: str | None = None
    success: bool | None = None
    metadata: JsonObject = field(default_factory=dict)
    """What else the row says."""
    excluded_turns: frozenset[int] = frozenset()
    """Turns, 0-based, that belong to the states of later ones but are no candidates."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One input row, parsed or still text."""

    source: str
    """Name of the file, or of the catalog entry."""
    position: int
    """1-based: the line number in a file of lines, else the row number."""
    unit: str
    """What is counted: ``line`` or ``row``."""
    content: object
    """Bytes or text of JSON, or the parsed value."""
    has_filled_nulls: bool = False
    """True where a columnar file gave every object of a column the same keys."""

    @property
    def address(self) -> str:
        """``runs.jsonl, line 17``: how a message about this row begins."""
        return f"{self.source}, {self.unit} {self.position}"


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing trajectories down."""

    name: str
    read: Callable[[JsonObject], RawTrajectory]
    """Raises TrajectoryError where the row is not of this format."""
    write: Callable[[RawTrajectory], JsonObject]
    """The inverse: keeps roles, texts, calls, ids, argument text and order."""
    recognises: Callable[[JsonObject], bool]
    """Whether a row looks like this format; used by ``detect`` only."""
    join: Callable[[Iterable[RawRow]], Iterator[RawRow]] | None = None
    """Where a trajectory is spread over several rows: one row per trajectory. The rows
    are iterated over as often as it takes. Rows that it cannot read are passed on:
    reading them says why."""


def parse_row(row: RawRow) -> JsonObject:
    """The row as a JSON object.

    Raises:
        TrajectoryError: If it is no JSON, or no object.
    """
    value = row.content
    if isinstance(value, bytes | str):
        try:
            value = parse_json(value)
        except (ValueError, RecursionError) as error:
            raise TrajectoryError(
                f"the {row.unit} is not JSON ({error}); expected one object: repair "
                f"or remove it.",
                reason=RejectionReason.MALFORMED_LINE,
            ) from error
    elif isinstance(value, Mapping):
        has_nulls = row.has_filled_nulls
        value = {key: _to_json(item, key, has_nulls) for key, item in value.items()}
    if not isinstance(value, dict):
        raise TrajectoryError(
            f"the {row.unit} is a {type(value).__name__}; expected an object: write "
            f"one trajectory a {row.unit}.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    return value


_PLAIN = frozenset({str, int, float, bool})


def _to_json(value: object, key: str, has_filled_nulls: bool) -> JsonValue:
    """The value as JSON has it: dates and decimals, which columns may hold, as text.

    Raises:
        TrajectoryError: If JSON has no form for it.
    """
    if value is None or type(value) in _PLAIN:
        return cast("JsonValue", value)
    if isinstance(value, Mapping):
        return {
            name: _to_json(item, name, has_filled_nulls)
            for name, item in value.items()
            if item is not None or not has_filled_nulls
        }
    if isinstance(value, list | tuple):
        return [_to_json(item, key, has_filled_nulls) for item in value]
    if hasattr(value, "tolist"):
        return _to_json(value.tolist(), key, has_filled_nulls)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str | Decimal | UUID):
        return str(value)
    raise TrajectoryError(
        f"{key} holds a {type(value).__name__}; expected what JSON can "
        f"hold: leave the column out, or write it as text.",
        reason=RejectionReason.MALFORMED_ROW,
    )
