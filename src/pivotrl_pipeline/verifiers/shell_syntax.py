"""Shell commands in one spelling: what is left is what the shell would do.

Parsed with bashlex; quoting, option order and clusters (for known commands), the place
of redirections and assignments, ``cd x &&`` and white space disappear. A ``cd`` is
taken to succeed, as it did where it was demonstrated; behind one that may not run, or
whose target only the shell can tell, paths are seen from a place of its own. What
bashlex cannot parse (``[[ ]]``, ``case``, quoted here-documents, a half-typed line)
keeps its text.
"""

import importlib
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.verifiers.shell_options import normalise_arguments, spell_old_tar
from pivotrl_pipeline.verifiers.shell_tables import TABLES
from pivotrl_pipeline.verifiers.shell_tree import Node, parse
from pivotrl_pipeline.verifiers.shell_words import (
    ACTIVE,
    EXPANSION,
    depends_on_directory,
    normalise_word,
    resolve_path,
)

Form: TypeAlias = "str | tuple[Form, ...]"
"""A normal form: equal for commands that do the same."""

_GREPS = frozenset({"grep", "egrep", "fgrep"})
_FILTERS = _GREPS | {"cat", "cut", "head", "sed", "sort", "tail", "tee", "uniq", "wc"}
"""Behind a pipe these read that and nothing else."""
_RECURSION = frozenset("rRd")
"""With these options a `grep` reads the directory, even behind a pipe."""
_MAY_MOVE = re.compile(r"\b(?:cd|pushd|popd)\b")
_SOMEWHERE = f"{EXPANSION}cd{EXPANSION}"
"""A directory that only the shell can tell."""
_SEPARATORS = frozenset({";", "\n"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


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
    trees = parse(text)
    if trees is None:
        return ("text", text)
    reader = _Reader(text, directory)
    form = reader.read_script(trees)
    if keeps_directory or not form:
        return (*form, ("directory", reader.directory))
    return form


class _Reader:
    """Walks one script and remembers where the shell stands."""

    def __init__(self, text: str, directory: str) -> None:
        self._text = text
        self._follows = True
        self.directory = directory

    def read_script(self, trees: Sequence[Node]) -> tuple[Form, ...]:
        """The steps of a script, each with what joins it to the one before."""
        steps: list[Form] = []
        for tree in trees:
            steps += self._read_steps(tree)
        return tuple(steps)

    def _read_steps(self, tree: Node) -> list[Form]:
        parts = tree.nodes("parts") if tree.kind == "list" else [tree]
        steps: list[Form] = []
        chain: list[Node] = []
        for part in parts:
            operator = part.text("op") if part.kind == "operator" else "&&"
            if operator in ("&&", "||"):
                chain.append(part)
                continue
            steps += self._read_chain(chain, is_background=operator == "&")
            chain = []
        return steps + self._read_chain(chain, is_background=False)

    def _read_chain(
        self, chain: Sequence[Node], *, is_background: bool
    ) -> list[tuple[Form, ...]]:
        """The steps of commands joined by ``&&`` and ``||``, without their ``cd``.

        A ``cd`` that is followed leaves its own joint to the next step: whether that
        runs depends on the step before the ``cd``, which succeeds.
        """
        before = self.directory
        steps: list[tuple[Form, ...]] = []
        joint = ";"
        is_conditional = False
        followers = [*(operator.text("op") for operator in chain[1::2]), ""]
        for node, follower in zip(chain[::2], followers, strict=False):
            can_enter = (
                follower == "&&" or (not follower and not is_background)
                if joint == ";"
                else joint == follower == "&&"
            )
            if can_enter and self._follows and self._enter(node):
                is_conditional = is_conditional or joint == "&&"
                continue
            steps.append((joint, self._read(node), ""))
            joint = follower
            if is_conditional and joint != "&&":
                self._lose_directory()
        if is_background and steps:
            self.directory = before
            steps[-1] = (*steps[-1][:2], "&")
        return steps

    def _enter(self, node: Node) -> bool:
        """Follows a plain ``cd``; False for anything else."""
        parts = node.nodes("parts")
        if node.kind != "command" or not 1 <= len(parts) <= 2:
            return False
        words = [self._word(part) for part in parts if part.kind == "word"]
        if len(words) != len(parts) or words[0] != "cd":
            return False
        target = words[1] if len(words) > 1 else f"{ACTIVE}~"
        if not target or target.startswith("-") or EXPANSION in target:
            return False
        self.directory = resolve_path(target, self.directory)
        return True

    def _may_move(self, node: Node) -> bool:
        return _MAY_MOVE.search(self._text, node.start, node.end) is not None

    def _lose_directory(self) -> None:
        self.directory = posixpath.join(self.directory, _SOMEWHERE)

    def _read(self, node: Node) -> Form:
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
            case "function":
                return self._read_function(node)
            case _:
                # How often a loop over ``*`` runs depends on where it runs.
                place = self.directory if node.kind == "for" else ""
                return (node.kind, place, *self._read_body(node.nodes("parts")))

    def _read_function(self, node: Node) -> Form:
        """A function's body runs where it is called."""
        before = self.directory
        self._lose_directory()
        form = (node.kind, *self._read_body(node.nodes("parts")))
        if not self._may_move(node):
            self.directory = before
        return form

    def _read_body(self, parts: Sequence[Node]) -> Iterator[Form]:
        """The parts of a loop, a condition or a subshell; lists are always lists."""
        for part in parts:
            if part.kind in ("command", "pipeline", "list"):
                inner = part.nodes("parts") if part.kind == "list" else [part]
                last = [each for each in inner if each.kind != "operator"][-1]
                # A `cd` at the end succeeds, whatever the step before it did.
                ending = "cd" if _MAY_MOVE.match(self._text, last.start) else ""
                yield ("list", *self._read_steps(part), ending)
            elif part.kind != "reservedword" or part.text("word") not in _SEPARATORS:
                yield self._read(part)

    def _read_pipeline(self, parts: Sequence[Node]) -> Iterator[Form]:
        """Filters behind a pipe read that, wherever the shell stands."""
        is_filter = False
        for part in parts:
            if part.kind == "command":
                yield self._read_command(part, is_filter=is_filter)
            else:
                yield self._read(part)
            is_filter = is_filter or part.kind == "pipe"

    def _read_compound(self, node: Node) -> Form:
        """A subshell leaves the directory as it was, a loop may leave it anywhere."""
        redirects = self._read_redirects(node.nodes("redirects"))
        parts = node.nodes("list")
        before, follows = self.directory, self._follows
        is_subshell = bool(parts) and parts[0].text("word") == "("
        if not is_subshell and self._may_move(node):
            self._follows = False
            self._lose_directory()
        inner = tuple(self._read_body(parts))
        self._follows = follows
        if is_subshell:
            self.directory = before
        return ("compound", *inner, redirects)

    def _read_command(self, node: Node, *, is_filter: bool) -> Form:
        parts = node.nodes("parts")
        assignments = [self._word(part) for part in parts if part.kind == "assignment"]
        words = [self._word(part) for part in parts if part.kind == "word"]
        redirects = [part for part in parts if part.kind == "redirect"]
        while words[:1] == ["env"] and len(words) > 2 and _ASSIGNMENT.match(words[1]):
            assignments.append(words.pop(1))
            if not _ASSIGNMENT.match(words[1]):
                words.pop(0)
        if any(EXPANSION in assignment for assignment in assignments):
            assignments.append(self.directory)
        else:
            assignments.sort(key=lambda each: each.partition("=")[0].rstrip("+"))
        form = (
            "command",
            tuple(assignments),
            self._read_words(words, is_filter=is_filter),
            self._read_redirects(redirects),
        )
        if self._may_move(node):
            self._lose_directory()
        return form

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
                if normal is None:
                    break
                reads_input = is_filter and name in _FILTERS
                if name in _GREPS:
                    options = {option for option, _ in normal.options}
                    reads_input = reads_input and not options & _RECURSION
                is_placed = normal.is_placed and (normal.has_paths or reads_input)
                place = "" if is_placed else self.directory
                return (name, place, normal.options, normal.operands)
        return (self.directory, *words)

    def _read_redirects(self, redirects: Sequence[Node]) -> Form:
        forms: list[tuple[Form, ...]] = []
        for redirect in redirects:
            operator = redirect.text("type")
            target = redirect.node("output")
            heredoc = redirect.node("heredoc")
            place = redirect.text("output") if target is None else self._word(target)
            if target is not None and operator not in ("<<", "<<-", "<<<"):
                place = resolve_path(place, self.directory)
            source = redirect.text("input").replace("None", "")
            is_both = operator == "&>" or (operator == ">&" and target and not source)
            operator = ">" if is_both else operator
            if source == ("0" if "<" in operator else "1"):
                source = ""
            body = "" if heredoc is None else heredoc.text("value")
            is_bound = depends_on_directory(place) or "$" in body or "`" in body
            directory = self.directory if is_bound else ""
            forms.append((source, operator, place, body, directory))
            if is_both:
                forms.append(("2", ">&", "1", "", ""))
        return tuple(sorted(forms, key=lambda form: "<" not in str(form[1])))

    def _word(self, node: Node) -> str:
        return normalise_word(
            self._text[node.start : node.end],
            [
                (part.start - node.start, part.end - node.start)
                for part in node.nodes("parts")
            ],
        )
