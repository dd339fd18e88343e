"""A shell command as bashlex's tree, with the types that bashlex does not declare."""

import re
from collections.abc import Callable
from typing import cast

from pivotrl_pipeline.verifiers.shell_words import ACTIVE, EXPANSION

_MAX_CHARACTERS = 4_000
_MAX_TOKENS = 500
"""Longer commands keep their text: the parser needs about 0.1 ms for a token."""
_TOKEN_END = re.compile(r"\s+|[|;&<>()]")
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


class Node:
    """A node of the tree."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self.kind: str = self.text("kind")
        start, end = cast("tuple[int, int]", getattr(raw, "pos", (0, 0)))
        self.start, self.end = start, end

    def text(self, name: str) -> str:
        """An attribute as text; '' where the node has none."""
        return str(getattr(self._raw, name, ""))

    def nodes(self, name: str) -> "list[Node]":
        """The nodes of a list attribute; empty where the node has none."""
        return [Node(each) for each in getattr(self._raw, name, None) or []]

    def node(self, name: str) -> "Node | None":
        """The node of an attribute; None where it holds none."""
        raw = getattr(self._raw, name, None)
        return Node(raw) if hasattr(raw, "kind") else None


def _is_short(text: str) -> bool:
    return len(text) <= _MAX_CHARACTERS and len(_TOKEN_END.findall(text)) <= _MAX_TOKENS


def parse(text: str) -> list[Node] | None:
    """The trees of a script; None if it is too long or bashlex cannot parse it."""
    from bashlex import errors, parser

    read = cast("Callable[[str], list[object]]", parser.parse)

    if not text or not _is_short(text) or ACTIVE in text or EXPANSION in text:
        return None
    try:
        return [Node(each) for each in read(text)]
    except (errors.ParsingError, *_PARSER_FAILURES):
        return None
