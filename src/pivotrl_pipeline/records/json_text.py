"""JSON read at the speed of orjson wherever it gives exactly what Python's json gives.

Where it might not, json itself does the work: long whole numbers become floats in
orjson, and lone surrogates, NaN and what is no JSON at all are refused by it. Only what
is nested too deeply for json, at about a thousand levels, orjson may still read.
"""

import json
from typing import Any

import orjson

_TO_DIGIT = bytes(ord("0") if chr(code).isdecimal() else 0 for code in range(128))
_TO_DIGIT += bytes(128)
_LONG_NUMBER = b"0" * 19
"""Fewer digits fit into 64 bits."""
_MAX_BRACKETS = 200
"""So many may nest too deeply for json: then there are no arguments."""


def parse_json(text: bytes | str) -> Any:
    """What ``json.loads`` makes of the text.

    Raises:
        ValueError: If it is no JSON.
        RecursionError: If it is nested too deeply.
    """
    try:
        encoded = text.encode() if isinstance(text, str) else text
        if not _may_hold_long_number(encoded):
            return orjson.loads(encoded)
    except ValueError:
        # Perhaps json can read it; if not, its words are the better ones.
        pass
    return json.loads(text)


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``; None where it is anything else (NaN included)."""
    try:
        encoded = text.encode()
        is_flat = text.count("{") + text.count("[") < _MAX_BRACKETS
        if is_flat and not _may_hold_long_number(encoded):
            value = orjson.loads(encoded)
            return value if isinstance(value, dict) else None
    except ValueError:
        pass
    stripped = text.strip(" \t\n\r")
    try:
        value, end = _DECODER.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and end == len(stripped) else None


def _may_hold_long_number(encoded: bytes) -> bool:
    return encoded.translate(_TO_DIGIT).find(_LONG_NUMBER) >= 0


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


# json.loads with options builds one of these on every call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
