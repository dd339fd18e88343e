"""Shell commands in one spelling: what is left is what the shell would do.

Parsed with bashlex; quoting, option order and clusters (for known commands), the place
of redirections and assignments, ``cd x &&`` and white space disappear. A ``cd`` is
taken to succeed, as it did where it was demonstrated. What bashlex cannot parse
(``[[ ]]``, ``case``, quoted here-documents, a half-typed line) keeps its text.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias, cast

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.verifiers.shell_options import (
    ACTIVE,
    EXPANSION,
    TABLES,
    normalise_arguments,
    resolve_path,
    spell_old_tar,
)

Form: TypeAlias = "str | tuple[Form, ...]"
"""A normal form: equal for commands that do the same."""

_MAX_CHARACTERS = 4_000
_MAX_TOKENS = 500
"""Longer commands keep their text: the parser needs about 0.1 ms for a token."""
_TOKEN_END = re.compile(r"\s+|[|;&<>()]")
_GLOB = frozenset("*?[]{},")
_IGNORE_THEIR_INPUT = frozenset({"ls", "du", "git status", "git log"})
_SEPARATORS = frozenset({";", "\n"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PARSER_FAILURES = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


def require_parser() -> None:
    """Raises ConfigurationError where bashlex is not installed."""
    try:
        importlib.import_module("bashlex")
    except ImportError as error:
        raise ConfigurationError(
            "The shell verifier parses commands with bashlex, which is not installed; "
            "call `python3 install.py shell`, or choose another verifier."
        ) from error


@lru_cache(maxsize=8_192)
def normalise_command(command: str, *, directory: str, keeps_directory: bool) -> Form:
    """The normal form of a command line or script.

    Args:
        command: As typed; several lines are several commands.
        directory: Where the shell stands; '' if that is not known.
        keeps_directory: True if the next command starts where this one ends, so that
            a ``cd`` is an effect of its own.
    """
    text = command.strip()
    trees = _parse(text) if _is_short(text) else None
    if trees is None:
        return ("text", text)
    reader = _Reader(text, directory)
    form = reader.read_script(trees)
    if keeps_directory or not form:
        return (*form, ("directory", reader.directory))
    return form


def _is_short(text: str) -> bool:
    return len(text) <= _MAX_CHARACTERS and len(_TOKEN_END.findall(text)) <= _MAX_TOKENS


def _parse(text: str) -> "list[_Node] | None":
    from bashlex import errors, parser

    parse = cast("Callable[[str], list[object]]", parser.parse)

    if not text or ACTIVE in text or EXPANSION in text:
        return None
    try:
        return [_Node(each) for each in parse(text)]
    except (errors.ParsingError, *_PARSER_FAILURES):
        return None


class _Node:
    """A node of bashlex's tree with the types that bashlex does not declare."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self.kind: str = self.text("kind")
        start, end = cast("tuple[int, int]", getattr(raw, "pos", (0, 0)))
        self.start, self.end = start, end

    def text(self, name: str) -> str:
        """An attribute as text; '' where the node has none."""
        return str(getattr(self._raw, name, ""))

    def nodes(self, name: str) -> "list[_Node]":
        """The nodes of a list attribute; empty where the node has none."""
        return [_Node(each) for each in getattr(self._raw, name, None) or []]

    def node(self, name: str) -> "_Node | None":
        """The node of an attribute; None where it holds none."""
        raw = getattr(self._raw, name, None)
        return _Node(raw) if hasattr(raw, "kind") else None


class _Reader:
    """Walks one script and remembers where the shell stands."""

    def __init__(self, text: str, directory: str) -> None:
        self._text = text
        self.directory = directory

    def read_script(self, trees: Sequence[_Node]) -> tuple[Form, ...]:
        """The steps of a script, each with what joins it to the one before."""
        steps: list[Form] = []
        for tree in trees:
            steps += self._read_steps(tree)
        return tuple(steps)

    def _read_steps(self, tree: _Node) -> list[Form]:
        parts = tree.nodes("parts") if tree.kind == "list" else [tree]
        steps: list[Form] = []
        joint = ";"
        for index, part in enumerate(parts):
            if part.kind == "operator":
                joint = part.text("op").replace("\n", ";")
                continue
            following = parts[index + 1 : index + 2]
            follower = following[0].text("op") if following else ""
            is_background = follower == "&"
            can_enter = joint != "||" and follower not in ("||", "&")
            if can_enter and self._enter(part):
                continue
            # A step after `cd x &&` runs on the same terms as one without the `cd`.
            is_first = not steps and joint == "&&"
            step = self._read(part)
            mark = "&" if is_background else ""
            joined = ";" if is_first or joint == "&" else joint
            steps.append((joined, step, mark))
        return steps

    def _enter(self, node: _Node) -> bool:
        """Follows a plain ``cd``; False for anything else."""
        if node.kind != "command" or len(node.nodes("parts")) > 2:
            return False
        words = [self._word(part) for part in node.nodes("parts")]
        if not words or words[0] != "cd":
            return False
        target = words[1] if len(words) > 1 else f"{ACTIVE}~"
        if target.startswith("-") or EXPANSION in target:
            return False
        self.directory = resolve_path(target, self.directory)
        return True

    def _read(self, node: _Node) -> Form:
        match node.kind:
            case "command":
                return self._read_command(node, is_filter=False)
            case "pipeline":
                return ("pipeline", *self._read_pipeline(node.nodes("parts")))
            case "pipe":
                return node.text("pipe")
            case "reservedword":
                return node.text("word")
            case "compound":
                return self._read_compound(node)
            case "word" | "assignment":
                return self._word(node)
            case _:
                return (node.kind, *self._read_body(node.nodes("parts")))

    def _read_body(self, parts: Sequence[_Node]) -> Iterator[Form]:
        """The parts of a loop, a condition or a subshell; lists are always lists."""
        for part in parts:
            if part.kind in ("command", "pipeline", "list"):
                yield ("list", *self._read_steps(part))
            elif part.kind != "reservedword" or part.text("word") not in _SEPARATORS:
                yield self._read(part)

    def _read_pipeline(self, parts: Sequence[_Node]) -> Iterator[Form]:
        """Each command behind a pipe reads that, wherever the shell stands."""
        is_filter = False
        for part in parts:
            if part.kind == "command":
                yield self._read_command(part, is_filter=is_filter)
            else:
                yield self._read(part)
            is_filter = is_filter or part.kind == "pipe"

    def _read_compound(self, node: _Node) -> Form:
        before = self.directory
        inner = list(self._read_body(node.nodes("list")))
        if inner[:1] == ["("]:
            self.directory = before
        return ("compound", *inner, self._read_redirects(node.nodes("redirects")))

    def _read_command(self, node: _Node, *, is_filter: bool) -> Form:
        parts = node.nodes("parts")
        assignments = [self._word(part) for part in parts if part.kind == "assignment"]
        words = [self._word(part) for part in parts if part.kind == "word"]
        redirects = [part for part in parts if part.kind == "redirect"]
        while words[:1] == ["env"] and len(words) > 1 and _ASSIGNMENT.match(words[1]):
            assignments.append(words.pop(1))
            if not _ASSIGNMENT.match(words[1] if len(words) > 1 else ""):
                words.pop(0)
        if not any(EXPANSION in assignment for assignment in assignments):
            assignments.sort()
        return (
            "command",
            tuple(assignments),
            self._read_words(words, is_filter=is_filter),
            self._read_redirects(redirects),
        )

    def _read_words(self, words: list[str], *, is_filter: bool) -> Form:
        if words[:1] == ["sudo"] and len(words) > 1 and not words[1].startswith("-"):
            return ("sudo", self._read_words(words[1:], is_filter=is_filter))
        for length in (2, 1):
            name = " ".join(words[:length])
            if name in TABLES:
                arguments = words[length:]
                if name == "tar":
                    arguments = spell_old_tar(arguments)
                normal = normalise_arguments(TABLES[name], arguments, self.directory)
                is_filter = is_filter and name not in _IGNORE_THEIR_INPUT
                is_placed = normal.is_placed or is_filter
                place = "" if is_placed else self.directory
                return (name, place, normal.options, normal.operands)
        return (self.directory, *words)

    def _read_redirects(self, redirects: Sequence[_Node]) -> Form:
        forms: list[tuple[Form, ...]] = []
        for redirect in redirects:
            operator = redirect.text("type")
            target = redirect.node("output")
            heredoc = redirect.node("heredoc")
            place = redirect.text("output") if target is None else self._word(target)
            if target is not None and operator not in ("<<", "<<-", "<<<", ">&"):
                place = resolve_path(place, self.directory)
            source = redirect.text("input").replace("None", "")
            if operator == "&>":
                forms += [("", ">", place), ("2", ">&", "1")]
                continue
            if source == ("0" if "<" in operator else "1"):
                source = ""
            body = "" if heredoc is None else heredoc.text("value")
            forms.append(
                (source, operator, place, body) if body else (source, operator, place)
            )
        return tuple(sorted(forms, key=lambda form: "<" not in str(form[1])))

    def _word(self, node: _Node) -> str:
        return normalise_word(
            self._text[node.start : node.end],
            [
                (part.start - node.start, part.end - node.start)
                for part in node.nodes("parts")
            ],
        )


def normalise_word(raw: str, expansions: Sequence[tuple[int, int]]) -> str:
    """A shell word without its quotes.

    What the shell expands keeps a mark, so that ``'*.py'`` and ``*.py`` differ.

    Args:
        raw: The word as typed.
        expansions: Where ``$x``, ``$(…)`` and their like stand in it.
    """
    ends = dict(expansions)
    word: list[str] = []
    quote = ""
    index = 0
    while index < len(raw):
        character = raw[index]
        if quote != "'" and index in ends and ends[index] > index:
            is_split = "" if quote else ACTIVE
            word.append(f"{is_split}{EXPANSION}{raw[index : ends[index]]}{EXPANSION}")
            index = ends[index]
            continue
        if quote == "'":
            quote = "" if character == "'" else quote
            word.append("" if character == "'" else character)
        elif character == "\\" and index + 1 < len(raw):
            index += 1
            word.append(_unescape(raw[index], quote))
        elif character in "\"'" and quote in ("", character):
            quote = "" if quote else character
        elif not quote and (character in _GLOB or (character == "~" and not word)):
            word.append(ACTIVE + character)
        else:
            word.append(character)
        index += 1
    return "".join(word)


def _unescape(character: str, quote: str) -> str:
    if character == "\n":
        return ""
    is_special = not quote or character in '$`"\\'
    return character if is_special else f"\\{character}"
