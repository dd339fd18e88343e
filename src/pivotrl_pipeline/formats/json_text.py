"""JSON at the speed of orjson wherever it gives exactly what Python's json gives.

Where it might not, json itself does the work: long whole numbers become floats in
orjson, and lone surrogates, NaN and what is no JSON at all are refused by it.
"""

import codecs
import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import cast

import orjson

from pivotrl_pipeline.records.messages import (
    JsonObject,
    JsonValue,
    dump_json,
    parse_arguments,
)

_TO_DIGIT = bytes(ord("0") if chr(code).isdecimal() else 0 for code in range(128))
_TO_DIGIT += bytes(128)
_LONG_NUMBER = b"0" * 19
"""Fewer digits fit into 64 bits."""
_DELETE = b"\x7f"
"""The one ASCII character that json escapes and orjson does not."""
_MAX_BRACKETS = 200
"""So many may nest too deeply for json, which refuses earlier than orjson."""


def parse_json(text: bytes | str) -> JsonValue:
    """What ``json.loads`` makes of the text.

    Raises:
        ValueError: If it is no JSON.
        RecursionError: If it is nested too deeply.
    """
    try:
        encoded = text.encode() if isinstance(text, str) else text
        if encoded.translate(_TO_DIGIT).find(_LONG_NUMBER) < 0:
            return cast("JsonValue", orjson.loads(encoded))
    except ValueError:
        # Perhaps json can read it; if not, its words are the better ones.
        pass
    return cast("JsonValue", json.loads(text))


def dump_each(messages: Sequence[JsonObject]) -> list[bytes]:
    """What `dump_json` makes of each of the messages, in which there are no numbers."""
    try:
        texts = list(map(orjson.dumps, messages))
    except TypeError:
        return [dump_json(message).encode() for message in messages]
    joined = b"".join(texts)
    if _DELETE in joined:
        return [dump_json(message).encode() for message in messages]
    if joined.isascii():
        return texts
    return [text.decode().encode("ascii", _HANDLER) for text in texts]


def holds_object(text: str) -> bool:
    """True if `parse_arguments` finds an object in the text."""
    try:
        if text.count("{") + text.count("[") < _MAX_BRACKETS:
            return isinstance(orjson.loads(text), dict)
    except ValueError:
        pass
    return parse_arguments(text) is not None


def _escape_run(error: UnicodeError) -> tuple[str, int]:
    failed = cast("UnicodeEncodeError", error)
    run = failed.object[failed.start : failed.end]
    return encode_basestring_ascii(run)[1:-1], failed.end


_HANDLER = "pivotrl_pipeline.json_escapes"
codecs.register_error(_HANDLER, _escape_run)
