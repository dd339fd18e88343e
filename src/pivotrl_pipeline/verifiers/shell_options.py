"""The arguments of a command in one spelling, so far as its table tells.

Where the table does not tell, the words are compared in the order in which they stand:
guessing whether ``-n 5`` is a flag and an operand or an option and its value would
equate commands that differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pivotrl_pipeline.verifiers.shell_tables import TABLES, OptionTable
from pivotrl_pipeline.verifiers.shell_words import (
    ACTIVE,
    EXPANSION,
    depends_on_directory,
    resolve_path,
)


@dataclass(frozen=True, slots=True)
class NormalArguments:
    """A command's arguments in one spelling."""

    options: tuple[tuple[str, str], ...]
    """Name and value, sorted by name; those that undo each other keep their order. A
    name that the table does not know keeps its dashes."""
    operands: tuple[str, ...]
    """With the options that mean something else before an operand than behind it."""
    has_paths: bool
    """True if there are operands that name what the command works on."""
    is_placed: bool
    """True if every path is spelt out, so that the directory no longer matters to a
    command that works on these paths or on its input alone."""


def normalise_arguments(
    table: OptionTable, arguments: Sequence[str], directory: str
) -> NormalArguments | None:
    """Options apart from operands, paths seen from ``directory``.

    None if the table does not tell options, values and operands apart.
    """
    read = _read_options(table, arguments)
    if read is None:
        return None
    options, operands = read
    first = table.first_path
    if first is not None:
        # `grep -e PATTERN FILE`: the pattern is an option, every operand a path.
        is_option = any(
            name in "ef" and name in table.with_value for name, _ in options
        )
        first = 0 if is_option else first
        operands[first:] = [
            _spell_path(table, path, directory) for path in operands[first:]
        ]
    options = [
        (name, resolve_path(value, directory) if name in table.paths else value)
        for name, value in options
    ]
    words = [*operands, *(value for _, value in options)]
    is_placed = not any(depends_on_directory(word) for word in words) and not any(
        name.startswith("--") for name, _ in options
    )
    if table.is_unordered:
        operands.sort()
    options.sort(key=lambda option: _sorting_key(table, option[0]))
    has_paths = first is not None and len(operands) > first
    return NormalArguments(tuple(options), tuple(operands), has_paths, is_placed)


def spell_old_tar(arguments: Sequence[str]) -> list[str]:
    """``tar xzf a.tgz`` with its letters as options, each value behind its letter."""
    if not arguments or arguments[0].startswith(("-", ACTIVE, EXPANSION)):
        return list(arguments)
    rest = list(arguments[1:])
    spelt: list[str] = []
    for letter in arguments[0]:
        spelt.append(f"-{letter}")
        if letter in TABLES["tar"].with_value and rest:
            spelt.append(rest.pop(0))
    return spelt + rest


def _read_options(
    table: OptionTable, arguments: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]] | None:
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        if word == "--" or (operands and table.stops_at_operand):
            is_dropped = word == "--" and word not in table.positional
            operands += ([] if is_dropped else [word]) + waiting[::-1]
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        is_long = word.startswith("--")
        read = (_read_long if is_long else _read_short)(table, word, waiting)
        if read is None:
            return None
        for name, value in read:
            if name in table.positional:
                # The mark tells it from an operand that is spelt the same.
                operands += [f"{ACTIVE}-{name}", value]
            else:
                options.append((name, value))
    return options, operands


def _read_long(
    table: OptionTable, word: str, waiting: list[str]
) -> list[tuple[str, str]] | None:
    name, equals, value = word[2:].partition("=")
    if len(name) < 2 or name not in (
        table.long_flags | table.long_with_value | table.synonyms.keys()
    ):
        return [(f"--{name}", value)] if equals else None
    short = table.synonyms.get(name, name)
    takes_value = short in table.long_with_value or short in table.with_value
    if not equals and takes_value and waiting:
        value = waiting.pop()
    return [(short, value)]


def _read_short(
    table: OptionTable, word: str, waiting: list[str]
) -> list[tuple[str, str]] | None:
    letters = word[1:]
    if letters.isdigit():
        return [(table.number_is, letters) if table.number_is else (letters, "")]
    options: list[tuple[str, str]] = []
    for index, letter in enumerate(letters):
        if letter in (ACTIVE, EXPANSION):
            return None
        rest = letters[index + 1 :]
        name = table.synonyms.get(letter, letter)
        if letter in table.with_suffix:
            return [*options, (name, rest)]
        if letter in table.with_value:
            value = rest or (waiting.pop() if waiting else "")
            return [*options, (name, value)]
        options.append((name, ""))
    return options


def _sorting_key(table: OptionTable, name: str) -> str:
    """One key for options that undo each other, so that they keep their order."""
    for group in table.overriding:
        if name in group:
            return min(group)
    return name


def _spell_path(table: OptionTable, path: str, directory: str) -> str:
    slash = "/" if table.keeps_slash and path.endswith("/") else ""
    return resolve_path(path, directory) + slash
