"""What the options of common commands mean, so far as their order and spelling go.

For a command in the table, options may stand anywhere among the operands, short ones
may share a dash, and a long one may have a short name. For any other command the words
are compared in the order in which they stand: guessing whether ``-n 5`` is a flag and
an operand or an option and its value would equate commands that differ.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ACTIVE = "\x00"
"""Stands before a character that the shell expands (``*``, ``~``), unlike a quoted
one."""
EXPANSION = "\x01"
"""Stands before and after the text of ``$x``, ``$(…)`` and their like."""


@dataclass(frozen=True, slots=True)
class OptionTable:
    """How one command reads its arguments."""

    with_value: str = ""
    """Short options that take a value, in the same word or the next."""
    with_suffix: str = ""
    """Short options that take the rest of their own word, if there is one."""
    long_with_value: frozenset[str] = frozenset()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """The short option by its long or second name."""
    number_is: str = ""
    """The option that a bare number stands for (``head -5``)."""
    first_path: int | None = None
    """Index of the first operand that is a path; None if none is."""
    is_unordered: bool = False
    """True if the order of the operands means nothing."""
    keeps_slash: bool = False
    """True if a slash at the end of a path means something."""
    stops_at_operand: bool = False
    """True if every word after the first operand is an operand."""


_RECURSIVE = {"recursive": "r", "R": "r"}
_GREP = OptionTable(
    "efABCmdD",
    long_with_value=frozenset({"include", "exclude", "exclude-dir"}),
    synonyms={
        "recursive": "r",
        "ignore-case": "i",
        "line-number": "n",
        "invert-match": "v",
        "files-with-matches": "l",
        "count": "c",
        "word-regexp": "w",
        "extended-regexp": "E",
        "fixed-strings": "F",
        "only-matching": "o",
        "quiet": "q",
        "silent": "q",
        "regexp": "e",
        "file": "f",
        "max-count": "m",
        "after-context": "A",
        "before-context": "B",
        "context": "C",
    },
    first_path=1,
)
_HEAD = OptionTable(
    "nc", synonyms={"lines": "n", "bytes": "c"}, number_is="n", first_path=0
)
_PIP = OptionTable(
    "rceit",
    synonyms={"requirement": "r", "quiet": "q", "upgrade": "U", "editable": "e"},
)
_APT = OptionTable("ot", synonyms={"yes": "y", "assume-yes": "y", "quiet": "q"})

TABLES: Mapping[str, OptionTable] = {
    "ls": OptionTable(
        "IwT", synonyms={"all": "a", "human-readable": "h"}, first_path=0
    ),
    "rm": OptionTable(
        synonyms={**_RECURSIVE, "force": "f"}, first_path=0, is_unordered=True
    ),
    "rmdir": OptionTable(synonyms={"parents": "p"}, first_path=0, is_unordered=True),
    "mkdir": OptionTable(
        "m", synonyms={"parents": "p", "mode": "m"}, first_path=0, is_unordered=True
    ),
    "touch": OptionTable("drt", first_path=0, is_unordered=True),
    "cp": OptionTable(
        "tS",
        synonyms={**_RECURSIVE, "archive": "a", "force": "f"},
        first_path=0,
        keeps_slash=True,
    ),
    "mv": OptionTable("tS", synonyms={"force": "f"}, first_path=0, keeps_slash=True),
    "ln": OptionTable("tS", synonyms={"symbolic": "s", "force": "f"}),
    "cat": OptionTable(synonyms={"number": "n"}, first_path=0),
    "head": _HEAD,
    "tail": OptionTable(
        "ncs",
        synonyms={"lines": "n", "bytes": "c", "follow": "f"},
        number_is="n",
        first_path=0,
    ),
    "wc": OptionTable(
        synonyms={"lines": "l", "words": "w", "bytes": "c", "chars": "m"}, first_path=0
    ),
    "sort": OptionTable(
        "kotST",
        synonyms={"reverse": "r", "numeric-sort": "n", "unique": "u", "key": "k"},
        first_path=0,
    ),
    "uniq": OptionTable("fsw", synonyms={"count": "c", "repeated": "d"}, first_path=0),
    "cut": OptionTable(
        "dfcb", synonyms={"delimiter": "d", "fields": "f"}, first_path=0
    ),
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "sed": OptionTable(
        "efl",
        with_suffix="i",
        synonyms={"quiet": "n", "silent": "n", "expression": "e", "in-place": "i"},
        first_path=1,
    ),
    "awk": OptionTable("Fvf", stops_at_operand=True),
    "tee": OptionTable(synonyms={"append": "a"}, first_path=0),
    "tar": OptionTable(
        "fCTX",
        synonyms={
            "extract": "x",
            "create": "c",
            "file": "f",
            "gzip": "z",
            "verbose": "v",
        },
    ),
    "chmod": OptionTable(synonyms={"recursive": "R"}, first_path=1),
    "chown": OptionTable(synonyms={"recursive": "R"}, first_path=1),
    "diff": OptionTable(
        "UC", synonyms={"recursive": "r", "unified": "u"}, first_path=0
    ),
    "du": OptionTable("d", synonyms={"max-depth": "d", "summarize": "s"}, first_path=0),
    "stat": OptionTable("c", synonyms={"format": "c"}, first_path=0),
    "curl": OptionTable(
        "XHdouFAbeTm",
        synonyms={
            "request": "X",
            "header": "H",
            "data": "d",
            "output": "o",
            "user": "u",
            "silent": "s",
            "location": "L",
            "form": "F",
        },
    ),
    "wget": OptionTable("OoPtTU", synonyms={"output-document": "O", "quiet": "q"}),
    "make": OptionTable("Cf", with_suffix="j", synonyms={"directory": "C"}),
    "pytest": OptionTable(
        "kmpcnoWr",
        long_with_value=frozenset({"maxfail", "tb", "durations"}),
        synonyms={"quiet": "q", "verbose": "v", "exitfirst": "x"},
    ),
    "pip install": _PIP,
    "pip3 install": _PIP,
    "apt-get install": _APT,
    "apt install": _APT,
    "git commit": OptionTable("mFCct", synonyms={"all": "a", "message": "m"}),
    "git add": OptionTable(synonyms={"all": "A"}, first_path=0, is_unordered=True),
    "git status": OptionTable(synonyms={"short": "s"}),
    "git log": OptionTable("n", synonyms={"max-count": "n"}, number_is="n"),
}


@dataclass(frozen=True, slots=True)
class NormalArguments:
    """A command's arguments in one spelling."""

    options: tuple[tuple[str, str], ...]
    """Name and value, sorted by name; repeated options keep their order."""
    operands: tuple[str, ...]
    is_placed: bool
    """True if the paths are spelt out, so that the directory no longer matters."""


def normalise_arguments(
    table: OptionTable, arguments: Sequence[str], directory: str
) -> NormalArguments:
    """Options apart from operands, paths seen from ``directory``."""
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        if word == "--" or (operands and table.stops_at_operand):
            operands += ([] if word == "--" else [word]) + waiting[::-1]
            break
        if word.startswith("--"):
            options.append(_read_long(table, word, waiting))
        elif word.startswith("-") and len(word) > 1:
            options += _read_short(table, word, waiting)
        else:
            operands.append(word)
    first = table.first_path
    if first is not None:
        # `grep -e PATTERN FILE`: the pattern is an option, every operand a path.
        is_option = any(name in ("e", "f") for name, _ in options)
        first = 0 if is_option else first
        operands[first:] = [
            _spell_path(table, path, directory) for path in operands[first:]
        ]
    is_placed = first is not None and len(operands) > first
    if table.is_unordered:
        operands.sort()
    options.sort(key=lambda option: option[0])
    return NormalArguments(tuple(options), tuple(operands), is_placed)


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


def resolve_path(path: str, directory: str) -> str:
    """The path as seen from where ``directory`` is seen from.

    What the shell still has to expand is not folded: ``$x/..`` may be anywhere.
    """
    if path in ("", "-") or path.startswith((EXPANSION, ACTIVE + EXPANSION)):
        return path
    if path.startswith(f"{ACTIVE}~"):
        return path
    joined = posixpath.join(directory, path.removeprefix("./"))
    return joined if EXPANSION in path else posixpath.normpath(joined)


def _spell_path(table: OptionTable, path: str, directory: str) -> str:
    slash = "/" if table.keeps_slash and path.endswith("/") else ""
    return resolve_path(path, directory) + slash


def _read_long(table: OptionTable, word: str, waiting: list[str]) -> tuple[str, str]:
    name, equals, value = word[2:].partition("=")
    short = table.synonyms.get(name, name)
    takes_value = name in table.long_with_value or short in table.with_value
    if not equals and takes_value and waiting:
        value = waiting.pop()
    return short, value


def _read_short(
    table: OptionTable, word: str, waiting: list[str]
) -> list[tuple[str, str]]:
    letters = word[1:]
    if table.number_is and letters.isdigit():
        return [(table.number_is, letters)]
    options: list[tuple[str, str]] = []
    for index, letter in enumerate(letters):
        rest = letters[index + 1 :]
        name = table.synonyms.get(letter, letter)
        if letter in table.with_suffix:
            return [*options, (name, rest)]
        if letter in table.with_value:
            value = rest or (waiting.pop() if waiting else "")
            return [*options, (name, value)]
        options.append((name, ""))
    return options
