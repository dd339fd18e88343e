"""Digests of plain values: parameters, and what callables capture.

Two values have one digest exactly when a node could not tell them apart: 1, 1.0 and
True differ, the order of a dict's keys does not count. A value without such a form is
refused, never guessed at.
"""

import dataclasses
import datetime
import decimal
import enum
import hashlib
import json
import math
import pathlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

Canonical = None | bool | int | float | str | list[Any] | dict[str, Any]


class UnstableValueError(Exception):
    """A value has no stable form, so whatever depends on it must run."""


def digest_text(*parts: str) -> str:
    """SHA-256, in hex, of the parts, each prefixed by its length."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode()
        sha.update(b"%d:" % len(data))
        sha.update(data)
    return sha.hexdigest()


def digest_value(value: object) -> str:
    """Digest of one plain value.

    Raises:
        UnstableValueError: If some part of the value has no stable form.
    """
    return digest_text(canonical_json(value))


def canonical_json(value: object) -> str:
    """The value's canonical form as JSON text with sorted keys."""
    return json.dumps(canonical_form(value), sort_keys=True, ensure_ascii=False)


def canonical_form(value: object) -> Canonical:
    """Nested lists and dicts of JSON scalars that stand for the value.

    Raises:
        UnstableValueError: If some part of the value has no stable form.
    """
    if value is None or isinstance(value, bool | int | str):
        return _scalar(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"!float": repr(value)}
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list):
        return [canonical_form(item) for item in value]
    if isinstance(value, tuple):
        return {"!tuple": [canonical_form(item) for item in value]}
    if isinstance(value, set | frozenset):
        return {"!set": sorted(canonical_json(item) for item in value)}
    return _object(value)


def _scalar(value: bool | int | str | None) -> Canonical:
    if isinstance(value, enum.Enum):
        return {"!enum": [_class_name(type(value)), canonical_form(value.value)]}
    return value


def _mapping(value: Mapping[Any, Any]) -> Canonical:
    if all(type(key) is str and not key.startswith("!") for key in value):
        return {key: canonical_form(item) for key, item in value.items()}
    pairs = ([canonical_json(key), canonical_form(item)] for key, item in value.items())
    return {"!dict": sorted(pairs, key=lambda pair: str(pair[0]))}


def _object(value: object) -> Canonical:
    if isinstance(value, enum.Enum):
        return {"!enum": [_class_name(type(value)), canonical_form(value.value)]}
    if isinstance(value, bytes):
        return {"!bytes": value.hex()}
    if isinstance(value, pathlib.PurePath):
        return {"!path": value.as_posix()}
    if isinstance(value, datetime.date | datetime.time):
        return {"!time": [type(value).__name__, value.isoformat()]}
    if isinstance(value, decimal.Decimal | uuid.UUID | datetime.timedelta | complex):
        return {f"!{type(value).__name__}": repr(value)}
    if isinstance(value, type):
        return {"!class": _class_name(value)}
    fields = _fields(value)
    if fields is not None:
        return {
            "!record": _class_name(type(value)),
            "fields": {name: canonical_form(item) for name, item in fields},
        }
    raise UnstableValueError(f"a {_class_name(type(value))} has no stable form")


def _fields(value: object) -> Iterable[tuple[str, Any]] | None:
    """Fields of a dataclass or a Pydantic model, ``None`` for anything else."""
    if dataclasses.is_dataclass(value):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    model_fields = getattr(type(value), "model_fields", None)
    if isinstance(model_fields, dict):
        extra = getattr(value, "model_extra", None) or {}
        return [
            *((name, getattr(value, name)) for name in model_fields),
            *extra.items(),
        ]
    return None


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def flatten(form: Canonical, prefix: str = "") -> dict[str, str]:
    """Leaf address → JSON text of a canonical form, to show what differs."""
    if isinstance(form, dict) and "!record" in form:
        return flatten(form["fields"], prefix)
    if isinstance(form, dict) and "!tuple" in form:
        return flatten(form["!tuple"], prefix)
    if isinstance(form, dict) and form and not any(key[:1] == "!" for key in form):
        leaves: dict[str, str] = {}
        for key, item in form.items():
            leaves |= flatten(item, f"{prefix}.{key}" if prefix else key)
        return leaves
    return {prefix: json.dumps(form, ensure_ascii=False, sort_keys=True)}
