"""Refuses texts that were cut inside a character.

JSON can write half of a surrogate pair; UTF-8 cannot, and no tokenizer takes it.
"""

import json
from collections.abc import Sequence
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

_SHOWN_CHARACTERS = 40


def encode_whole(text: str, place: str) -> bytes:
    """The text in UTF-8.

    Args:
        text: To encode.
        place: Where it stands, for the message.

    Raises:
        TrajectoryError: If it holds half a pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - _SHOWN_CHARACTERS) : error.end]
        raise TrajectoryError(
            f"{place} holds half a surrogate pair at the end of {around!r}; expected "
            "whole characters: the text was cut inside one, so remove the half.",
            reason=RejectionReason.HALF_SURROGATE_PAIR,
        ) from error


def refuse_half_pairs(messages: Sequence[JsonObject]) -> None:
    """Refuses arguments with half a pair, which their text hides as an escape.

    Raises:
        TrajectoryError: Naming the message.
    """
    for index, message in enumerate(messages):
        calls = message.get("tool_calls", ())
        for call in cast("Sequence[dict[str, dict[str, str]]]", calls):
            arguments = json.loads(call["function"]["arguments"])
            refuse_half_pairs_in(arguments, f"a call of message {index}")


def refuse_half_pairs_in(value: JsonValue, place: str) -> None:
    """Refuses any value of which some text holds half a pair.

    Raises:
        TrajectoryError: Naming the place.
    """
    encode_whole(json.dumps(value, ensure_ascii=False), place)
