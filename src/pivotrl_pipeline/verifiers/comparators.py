"""Comparators of single values: may a sampled one stand for the demonstrated one?

Each is symmetric and never raises. Which one applies to which argument is a parameter.
"""

import math
import posixpath
import re
import shlex
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import TypeAlias, cast

from pivotrl_pipeline.parameters.comparators import (
    AnyComparator,
    CaseInsensitiveComparator,
    DateComparator,
    ExactComparator,
    IgnoreComparator,
    NumericToleranceComparator,
    PathComparator,
    ShellComparator,
    SimilarityComparator,
    TrimmedComparator,
    UnorderedComparator,
)
from pivotrl_pipeline.records.messages import JsonValue
from pivotrl_pipeline.verifiers.json_values import json_equal
from pivotrl_pipeline.verifiers.shell_syntax import normalise_command, require_parser
from pivotrl_pipeline.verifiers.text_similarity import similarity

Comparator: TypeAlias = Callable[[JsonValue, JsonValue], bool]

_MAX_DATE_CHARACTERS = 64
_SHELLS = frozenset({"bash", "sh", "zsh", "/bin/bash", "/bin/sh"})
_NUMBER = re.compile(
    r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.A
)
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
"""Month numbers by name and abbreviation, in lower case."""
MONTH_NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))
"""A regular expression of them, longest first."""
_DAY_FIRST = re.compile(
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{MONTH_NAMES})\.?"
    r",?\s+(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"(?P<month>{MONTH_NAMES})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})",
    re.IGNORECASE,
)


def build_comparator(parameters: AnyComparator) -> Comparator | None:
    """The comparator; None for `unordered`, which needs the schema of the items."""
    match parameters:
        case ExactComparator():
            return json_equal
        case TrimmedComparator():
            return equal_trimmed
        case CaseInsensitiveComparator():
            return equal_ignoring_case
        case NumericToleranceComparator(absolute=absolute, relative=relative):
            return numeric_tolerance(absolute=absolute, relative=relative)
        case SimilarityComparator(measure=measure, threshold=threshold):
            return text_similarity(measure=measure, threshold=threshold)
        case PathComparator(root=root):
            return same_path(root=root)
        case ShellComparator(directory=directory, keeps_directory=keeps_directory):
            return same_command(directory=directory, keeps_directory=keeps_directory)
        case DateComparator():
            return equal_dates
        case IgnoreComparator():
            return lambda _demonstrated, _sampled: True
        case UnorderedComparator():
            return None


def equal_trimmed(demonstrated: JsonValue, sampled: JsonValue) -> bool:
    """Strings in Unicode NFC without surrounding white space; the rest as JSON."""
    if isinstance(demonstrated, str) and isinstance(sampled, str):
        return demonstrated == sampled or _trim(demonstrated) == _trim(sampled)
    return json_equal(demonstrated, sampled)


def equal_ignoring_case(demonstrated: JsonValue, sampled: JsonValue) -> bool:
    """As `equal_trimmed`, ignoring case and how long runs of white space are."""
    if isinstance(demonstrated, str) and isinstance(sampled, str):
        return demonstrated == sampled or _fold(demonstrated) == _fold(sampled)
    return json_equal(demonstrated, sampled)


def numeric_tolerance(*, absolute: float, relative: float) -> Comparator:
    """Numbers at most ``max(absolute, relative * larger)`` apart."""
    exact_absolute, exact_relative = Fraction(str(absolute)), Fraction(str(relative))

    def compare(demonstrated: JsonValue, sampled: JsonValue) -> bool:
        left, right = parse_number(demonstrated), parse_number(sampled)
        if left is None or right is None:
            return equal_trimmed(demonstrated, sampled)
        larger = max(abs(left), abs(right))
        return abs(left - right) <= max(exact_absolute, exact_relative * larger)

    return compare


def text_similarity(*, measure: str, threshold: float) -> Comparator:
    """Texts whose similarity is at least ``threshold``."""

    def compare(demonstrated: JsonValue, sampled: JsonValue) -> bool:
        if not isinstance(demonstrated, str) or not isinstance(sampled, str):
            return json_equal(demonstrated, sampled)
        return similarity(measure, _trim(demonstrated), _trim(sampled)) >= threshold

    return compare


def same_path(*, root: str) -> Comparator:
    """POSIX paths that name the same file; relative ones start from ``root``."""

    def normalise(path: str) -> str:
        joined = posixpath.join(root, path) if root else path
        return re.sub(r"^//+", "/", posixpath.normpath(joined))

    def compare(demonstrated: JsonValue, sampled: JsonValue) -> bool:
        if not isinstance(demonstrated, str) or not isinstance(sampled, str):
            return json_equal(demonstrated, sampled)
        if not demonstrated.strip() or not sampled.strip():
            return _trim(demonstrated) == _trim(sampled)
        return normalise(_trim(demonstrated)) == normalise(_trim(sampled))

    return compare


def same_command(*, directory: str, keeps_directory: bool) -> Comparator:
    """Shell commands, or lists of their words, that do the same.

    Raises:
        ConfigurationError: If the parser of shell commands is not installed.
    """
    require_parser()

    def compare(demonstrated: JsonValue, sampled: JsonValue) -> bool:
        left, right = _command_text(demonstrated), _command_text(sampled)
        if left is None or right is None:
            return json_equal(demonstrated, sampled)
        return left == right or normalise_command(
            left, directory=directory, keeps_directory=keeps_directory
        ) == normalise_command(
            right, directory=directory, keeps_directory=keeps_directory
        )

    return compare


def equal_dates(demonstrated: JsonValue, sampled: JsonValue) -> bool:
    """The same day or instant; what is no date is compared as by `equal_trimmed`."""
    left, right = parse_date(demonstrated), parse_date(sampled)
    if left is None or right is None:
        return equal_trimmed(demonstrated, sampled)
    return left == right


def parse_number(value: JsonValue) -> Fraction | None:
    """A finite number, also from a string; None where there is none.

    Floats are read through their decimal text: 1.1 is exactly 0.1 more than 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, int):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(str(value)) if math.isfinite(value) else None
    text = value.strip()
    is_number = len(value) < 120 and _NUMBER.fullmatch(text)
    return Fraction(text) if is_number else None


def parse_date(value: JsonValue) -> date | datetime | None:
    """A day, or an instant in UTC; None where the text is neither.

    Read are ISO 8601 and days with the month spelt out. ``03/04/2024`` is not: it is
    two different days on two sides of an ocean. Midnight without a zone is the day.
    """
    if not isinstance(value, str) or len(value) > _MAX_DATE_CHARACTERS:
        return None
    text = value.strip().replace("/", "-")
    spelt = _DAY_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text)
    try:
        if spelt is not None:
            month = MONTHS[spelt["month"].casefold()]
            return date(int(spelt["year"]), month, int(spelt["day"]))
        return _parse_iso(text)
    except (ValueError, OverflowError):
        return None


def _parse_iso(text: str) -> date | datetime:
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(text)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is not None:
        return instant.astimezone(UTC)
    if (instant.hour, instant.minute, instant.second, instant.microsecond) == (0,) * 4:
        return instant.date()
    return instant


def _command_text(value: JsonValue) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        return None
    words = cast("list[str]", value)
    if len(words) == 3 and words[0] in _SHELLS and words[1] in ("-c", "-lc"):
        return words[2]
    return shlex.join(words)


def _trim(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
