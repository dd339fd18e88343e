"""The words of a shell command: without their quotes, and as paths."""

import posixpath
import re
from collections.abc import Sequence

ACTIVE = "\x00"
"""Stands before a character that the shell expands (``*``, ``~``), unlike a quoted
one."""
EXPANSION = "\x01"
"""Stands before and after the text of ``$x``, ``$(…)`` and their like."""

_GLOB = frozenset("*?[]")
_BRACES = frozenset("{},")
_SINGLE_BRACES = re.compile(r"\{[^{},.]*\}")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")


def normalise_word(raw: str, expansions: Sequence[tuple[int, int]]) -> str:
    """A shell word without its quotes.

    What the shell expands keeps a mark, so that ``'*.py'`` and ``*.py`` differ.

    Args:
        raw: The word as typed.
        expansions: Where ``$x``, ``$(…)`` and their like stand in it.
    """
    ends = dict(expansions)
    special = _GLOB | _BRACES if _has_brace_expansion(raw) else _GLOB
    # The shell expands `~` at the start of a word, or of a path in an assignment.
    before_home = ("=", ":") if _ASSIGNMENT.match(raw) else ()
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
        elif not quote and (
            character in special
            or (character == "~" and (not word or word[-1] in before_home))
        ):
            word.append(ACTIVE + character)
        else:
            word.append(character)
        index += 1
    return "".join(word)


def _has_brace_expansion(raw: str) -> bool:
    """True if ``{a,b}`` or ``{1..3}`` may stand in it: not ``{}`` or ``1,5p``."""
    rest = _SINGLE_BRACES.sub("", raw).partition("{")[2].rpartition("}")[0]
    return "," in rest or ".." in rest


def _unescape(character: str, quote: str) -> str:
    if character == "\n":
        return ""
    is_special = not quote or character in '$`"\\'
    return character if is_special else f"\\{character}"


def resolve_path(path: str, directory: str) -> str:
    """The path as seen from where ``directory`` is seen from.

    What the shell still has to expand is not folded: ``$x/..`` and ``*/..`` may be
    anywhere, and ``*/`` is fewer files than ``*``.
    """
    if path in ("", "-") or path.startswith((EXPANSION, ACTIVE + EXPANSION)):
        return path
    if path.startswith(f"{ACTIVE}~"):
        return path
    joined = posixpath.join(directory, path.removeprefix("./"))
    tail = joined.partition(ACTIVE)[2]
    if EXPANSION in joined or ".." in tail or tail.endswith("/"):
        return joined
    return posixpath.normpath(joined)


def depends_on_directory(word: str) -> bool:
    """True if the word may name something else elsewhere, even as a resolved path."""
    return EXPANSION in word or f"{ACTIVE}{{" in word
