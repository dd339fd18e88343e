"""Batches of keystrokes: how the Terminus harnesses act on a terminal.

A message is one JSON object: a plan in words, the keystrokes, and whether the task is
complete. Only the keystrokes and the flag do anything.

Source:
    github.com/laude-institute/terminal-bench, agents ``terminus_1`` and ``terminus_2``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pivotrl_pipeline.records.messages import JsonValue

_MAX_CHARACTERS = 60_000


@dataclass(frozen=True, slots=True)
class Harness:
    """The JSON that one harness accepts."""

    name: str
    texts: tuple[str, ...]
    """Keys of the required prose."""
    completion: str
    """Key of the flag that ends the task."""
    command_types: Mapping[str, tuple[type, ...]]
    """Keys of one command beside its keystrokes, and their types."""


HARNESSES = (
    Harness(
        "terminus_1",
        ("state_analysis", "explanation"),
        "is_task_complete",
        {"is_blocking": (bool,), "timeout_sec": (int, float)},
    ),
    Harness(
        "terminus_2", ("analysis", "plan"), "task_complete", {"duration": (int, float)}
    ),
)


@dataclass(frozen=True, slots=True)
class KeystrokeBatch:
    """What a batch does."""

    harness: str
    keystrokes: str
    """All commands' keystrokes, one after the other."""
    is_complete: bool
    """True if it declares the task complete."""


Problem: TypeAlias = str


def parse_batch(text: str) -> KeystrokeBatch | Problem:
    """The batch in a message, or why there is none."""
    if len(text) > _MAX_CHARACTERS:
        return f"{len(text)} characters, expected at most {_MAX_CHARACTERS}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "not one JSON object"
    if not isinstance(value, dict):
        return "not one JSON object"
    for harness in HARNESSES:
        if harness.texts[0] in value:
            return _read_batch(harness, value)
    return "no key of a known harness"


def _read_batch(
    harness: Harness, value: Mapping[str, JsonValue]
) -> KeystrokeBatch | Problem:
    allowed = {*harness.texts, "commands", harness.completion}
    surplus = value.keys() - allowed
    if surplus:
        return f"unexpected key {min(surplus)[:40]!r}"
    if not all(isinstance(value.get(key), str) for key in harness.texts):
        return f"expected text under {' and '.join(harness.texts)}"
    commands = value.get("commands")
    if not isinstance(commands, list):
        return "expected a list under commands"
    is_complete = value.get(harness.completion, False)
    if not isinstance(is_complete, bool):
        return f"expected true or false under {harness.completion}"
    keystrokes = [_read_command(harness, command) for command in commands]
    if None in keystrokes:
        return f"command {keystrokes.index(None)} is malformed"
    return KeystrokeBatch(
        harness.name, "".join(each for each in keystrokes if each), is_complete
    )


def _read_command(harness: Harness, command: JsonValue) -> str | None:
    if not isinstance(command, dict):
        return None
    keystrokes = command.get("keystrokes")
    if not isinstance(keystrokes, str):
        return None
    for key, value in command.items():
        types = harness.command_types.get(key, ())
        is_flag = isinstance(value, bool)
        if key != "keystrokes" and (
            not isinstance(value, types) or (is_flag and bool not in types)
        ):
            return None
    return keystrokes
