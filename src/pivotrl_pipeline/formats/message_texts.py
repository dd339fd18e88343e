"""JSON written at the speed of orjson, exactly as Python's json writes it."""

import codecs
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import cast

import orjson

from pivotrl_pipeline.records.messages import JsonObject, dump_json

_DELETE = b"\x7f"
"""The one ASCII character that json escapes and orjson does not."""


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


def _escape_run(error: UnicodeError) -> tuple[str, int]:
    failed = cast("UnicodeEncodeError", error)
    run = failed.object[failed.start : failed.end]
    return encode_basestring_ascii(run)[1:-1], failed.end


_HANDLER = "pivotrl_pipeline.json_escapes"
codecs.register_error(_HANDLER, _escape_run)
