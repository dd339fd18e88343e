"""NeMo-Gym pivot rows, as in all public NVIDIA pivot sets: a state and its action.

    {"responses_create_params": {"input": […], "tools": […]},
     "expected_action": {"type": "function_call", "name": "f", "arguments": "{…}"},
     "trajectory_id": 146, "agent_ref": {…}, "pass_rate": 0.4}

Every row repeats its history, so the longest row of a trajectory holds all of its
turns. The rows are joined to it; every turn becomes a candidate again. Pass rates that
the rows carry were measured with another policy: they are kept as metadata
(``foreign_profiles``) and used for nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import cast

from pivotrl_pipeline.formats.base import (
    READER_ERRORS,
    Format,
    RawRow,
    RawTrajectory,
    parse_row,
)
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.expected_actions import (
    ACTION_KEYS,
    make_expected_action,
    read_expected_action,
)
from pivotrl_pipeline.formats.nemo_gym_runs import (
    make_request,
    read_request,
    read_request_messages,
)
from pivotrl_pipeline.formats.responses_items import (
    call_to_action,
    is_only_reasoning,
)
from pivotrl_pipeline.formats.row_fields import (
    collect_metadata,
    read_identifier,
    read_metadata,
    read_tools,
)
from pivotrl_pipeline.records.messages import JsonObject, dump_json

PROFILE_KEYS = ("pass_rate", "pass_rate_total", "pass_rate_passed", "qwen_235b_info")
PROFILES = "foreign_profiles"
"""Metadata key of what rows say of other policies, by the number of input items."""
_TRAJECTORY_KEYS = ("trajectory_id", "source_trajectory_uid")
_ID_KEYS = (*_TRAJECTORY_KEYS, "uuid")
_KEYS = (
    *_ID_KEYS,
    *ACTION_KEYS,
    *PROFILE_KEYS,
    "task_id",
    "task_name",
    "domain",
    "responses_create_params",
)


def read_nemo_gym_pivot(row: JsonObject) -> RawTrajectory:
    """The trajectory up to and with the action of a row.

    Raises:
        TrajectoryError: If the state or the action is of no known form.
    """
    state, action = _read_turn(row)
    origin = _with_metadata(row)
    return RawTrajectory(
        messages=normalise_messages([*state, action]),
        tools=read_tools(
            read_request(row).get("tools"), "responses_create_params.tools"
        ),
        trajectory_id=read_identifier(origin, _ID_KEYS),
        task_id=read_identifier(origin, ("task_id", "task_name", "instance_id")),
        domain=read_identifier(row, ("domain",)),
        metadata=collect_metadata(row, _KEYS),
    )


def write_nemo_gym_pivot(trajectory: RawTrajectory) -> JsonObject:
    """The row of a trajectory's last message, which must be the assistant's."""
    state, action = trajectory.messages[:-1], trajectory.messages[-1]
    row: JsonObject = {
        "responses_create_params": make_request(state, trajectory.tools),
        "expected_action": make_expected_action(action),
    }
    optional = {
        "trajectory_id": trajectory.trajectory_id,
        "task_id": trajectory.task_id,
        "domain": trajectory.domain,
        "metadata": trajectory.metadata or None,
    }
    row.update({key: value for key, value in optional.items() if value is not None})
    return row


def join_pivot_rows(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The longest row of each trajectory, with the foreign profiles of all its rows.

    A row is left out where the history of another goes on from its state with its
    action; rows with different ids are never joined. What is no such continuation
    stays a row of its own. The rows are read twice, so that none has to be kept.
    """
    histories: set[int] = set()
    endings: dict[int, int] = {}
    profiles: dict[int, JsonObject] = {}
    for index, row in enumerate(rows):
        chain = _chain(row)
        if chain is None:
            continue
        histories.update(chain.history)
        endings[index] = chain.ending
        if chain.profile:
            profiles[chain.ending] = chain.profile
    for index, row in enumerate(rows):
        if index not in endings:
            yield row
        elif endings[index] not in histories:
            yield _with_profiles(row, profiles)


@dataclass(frozen=True, slots=True)
class _Chain:
    """What is compared of a row."""

    history: list[int]
    """Digest of every beginning of the state."""
    ending: int
    """Digest of the state and the action."""
    profile: JsonObject
    """What the row says of another policy, and at which turn."""


def _chain(row: RawRow) -> _Chain | None:
    """None where the row cannot be read; reading it later says why."""
    try:
        content = parse_row(row)
        state, action = _read_turn(content)
        digest = hash(read_identifier(_with_metadata(content), _TRAJECTORY_KEYS))
        digests = [_digest(message) for message in (*state, action)]
    except (RecursionError, *READER_ERRORS):
        return None
    _, *history, ending = accumulate(
        digests, lambda before, own: hash((before, own)), initial=digest
    )
    profile = {key: content[key] for key in PROFILE_KEYS if key in content}
    if profile:
        turns = sum(message["role"] == "assistant" for message in state)
        profile = {"turn_index": turns, **profile}
    return _Chain(history, ending, profile)


def _with_metadata(row: JsonObject) -> JsonObject:
    metadata = read_metadata(row)
    return {**metadata, **row} if isinstance(metadata, dict) else row


def _digest(message: JsonObject) -> int:
    """Of role and text, or of the calls: a label leaves out text beside calls."""
    calls = cast("list[JsonObject]", message.get("tool_calls", []))
    said = [call_to_action(call) for call in calls] or message.get("content")
    return hash((message["role"], dump_json(said)))


def _with_profiles(row: RawRow, profiles: dict[int, JsonObject]) -> RawRow:
    chain = _chain(row)
    if chain is None or not profiles:
        return row
    found = [profiles[key] for key in [*chain.history, chain.ending] if key in profiles]
    if not found:
        return row
    content = {**parse_row(row), PROFILES: found}
    return replace(row, content=content, has_filled_nulls=False)


def _read_turn(row: JsonObject) -> tuple[list[JsonObject], JsonObject]:
    """The state and the demonstrated action, which takes the reasoning before it.

    Raises:
        TrajectoryError: If either is of no known form.
    """
    state = read_request_messages(read_request(row))
    action = read_expected_action(row)
    if state and is_only_reasoning(state[-1]):
        action = {**state.pop(), **action}
    return state, action


def _is_nemo_gym_pivot(row: JsonObject) -> bool:
    return "responses_create_params" in row and any(key in row for key in ACTION_KEYS)


NEMO_GYM_PIVOTS = Format(
    "nemo_gym_pivots",
    read_nemo_gym_pivot,
    write_nemo_gym_pivot,
    _is_nemo_gym_pivot,
    join_pivot_rows,
)
