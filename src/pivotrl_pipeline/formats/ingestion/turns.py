"""The assistant turns of a trajectory, and digests of what stands before them."""

import hashlib
from dataclasses import dataclass, field, fields
from functools import partial
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.formats.ingestion.whole_characters import encode_whole
from pivotrl_pipeline.records.messages import ActionType, JsonObject, Role

DIGEST_BYTES = 8
_CALL, _MESSAGE = ActionType.TOOL_CALL.value, ActionType.MESSAGE.value
_MARKS = {role.value: f"\0{role.value}\0".encode() for role in Role}
_sha1 = partial(hashlib.sha1, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class ConvertedTurns:
    """The assistant turns of a trajectory, a list per column."""

    turn_indices: list[int] = field(default_factory=list)
    message_indices: list[int] = field(default_factory=list)
    action_texts: list[bytes] = field(default_factory=list)
    action_types: list[str] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)
    """Digests of `DIGEST_BYTES` bytes, equal for equal states."""
    actions: list[bytes] = field(default_factory=list)
    """Likewise, of the demonstrated actions."""


def convert_turns(
    messages: list[JsonObject], texts: list[bytes], tools_text: bytes
) -> tuple[ConvertedTurns, bytes]:
    """The assistant turns, and the digest of the whole conversation.

    Args:
        messages: In canonical form.
        texts: The same as JSON.
        tools_text: What stands before them.
    """
    turns = ConvertedTurns()
    # Of everything so far. Not hash(): that of a text differs between processes.
    running = _sha1(tools_text)
    for index, message in enumerate(messages):
        role = cast("str", message["role"])
        running.update(_MARKS[role])
        seen = encode_whole(_find_seen(message), f"message {index}")
        if role == "assistant":
            own = _sha1(seen).digest()
            turns.message_indices.append(index)
            turns.action_texts.append(texts[index])
            turns.action_types.append(_CALL if "tool_calls" in message else _MESSAGE)
            turns.states.append(running.copy().digest()[:DIGEST_BYTES])
            turns.actions.append(own[:DIGEST_BYTES])
            running.update(own)
        else:
            running.update(seen)
    turns.turn_indices.extend(range(len(turns.actions)))
    return turns, running.digest()[:DIGEST_BYTES]


def leave_out(turns: ConvertedTurns, excluded: frozenset[int]) -> ConvertedTurns:
    """The turns without some of them; the others keep their numbers.

    Raises:
        TrajectoryError: If none is left.
    """
    kept = [turn for turn in turns.turn_indices if turn not in excluded]
    if not kept:
        raise TrajectoryError(
            f"none of {len(turns.actions)} turns may be learnt from; expected at least "
            f"one that a model took in this run: leave the row out.",
            reason=RejectionReason.NO_ASSISTANT_TURN,
        )
    columns = [getattr(turns, column.name) for column in fields(turns)]
    return ConvertedTurns(*([column[turn] for turn in kept] for column in columns))


def _find_seen(message: JsonObject) -> str:
    """What a policy sees of a message; call ids are noise and do not count."""
    content = cast("str | None", message["content"])
    if content is not None and len(message) == 2 + ("tool_call_id" in message):
        return content
    parts = ["" if content is None else f"={content}"]
    for call in cast("list[dict[str, dict[str, str]]]", message.get("tool_calls", ())):
        parts += ("call", call["function"]["name"], call["function"]["arguments"])
    for key in ("name", "reasoning_content"):
        if key in message:
            parts += (key, cast("str", message[key]))
    return "\0".join(parts)
