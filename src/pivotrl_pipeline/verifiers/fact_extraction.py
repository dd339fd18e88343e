"""The facts that a text states, read off with patterns and no language model.

Each pattern takes its matches out of the text before the next one looks, so that the
digits of a date are not counted as numbers as well. Every repetition is bounded: the
time is linear in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pivotrl_pipeline.verifiers.comparators import MONTH_NAMES, MONTHS

MAX_CHARACTERS = 20_000
"""Facts are read from the first so many characters of a text."""

_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}|https?://\S{1,500}"
)
_DATE = re.compile(
    r"\b(?P<iso_year>\d{4})[-/](?P<iso_month>\d{1,2})[-/](?P<iso_day>\d{1,2})(?!\d)"
    rf"|\b(?P<day1>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month1>{MONTH_NAMES})\b"
    r"(?:\.?,?\s(?P<year1>\d{4})\b)?"
    rf"|\b(?P<month2>{MONTH_NAMES})\b\.?\s(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"(?:,?\s(?P<year2>\d{4})\b)?",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\b"
    r"(?:\s?(?P<half>[ap])\.?m\b)?"
    r"|\b(?P<hour2>\d{1,2})\s?(?P<half2>[ap])\.?m\b",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(
    r"^[ \t]{0,8}\d{1,2}[.)][ \t]|(?P<aside>\([^()\n]{1,100}\))"
    r"|(?<!\S)\d{1,2}\)(?=\s)",
    re.MULTILINE,
)
_BRACKETED_MARK = re.compile(r"(?<!\S)\((\d{1,2})\)(?=\s)")
_TOKEN = re.compile(
    # A minus stands before its number and behind a blank; "3-5" is a range.
    r"(?:(?<![^\s(\[{:,$€£])[-\u2212][$€£]?(?=\.?\d))?"
    r"(?:\d{1,3}(?:,\d{3}){1,6}(?:\.\d{1,12})?(?!\w)|\d{1,15}\.\d{1,12}(?!\w)"
    r"|(?<![\w.])\.\d{1,12}(?!\w)"
    r"|(?<![\w-])(?:[A-Za-z]|[A-Z]{2,6})(?:-[A-Z\d]{1,15}){1,4}(?![\w-])|\w+)"
)
_COUNTED = re.compile(
    r"(?P<number>\d{1,15})"
    r"(?:st|nd|rd|th|kg|g|km|m|cm|h|x|min|lbs?|(?P<thousands>[kK]))"
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{1,40}\b")
_CODE = re.compile(r"\b[A-Z]{2,6}\b")
_COMMON_CAPITALS = frozenset(
    {"ID", "IDS", "OK", "AM", "PM", "NOT", "AND", "OR", "YES", "NO", "PLEASE", "FAQ"}
)
_NUMBER_WORDS = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
    "zero": "0",
    "one": "1",
}


@dataclass(slots=True)
class Facts:
    """What a text states, by kind, in one spelling for each fact."""

    ids: set[str] = field(default_factory=set)
    """Words with a digit and a letter, ``A-1001``, addresses and links, in lower
    case."""
    numbers: set[str] = field(default_factory=set)
    """Digits with their minus, without thousands separators and trailing zeros."""
    number_words: set[str] = field(default_factory=set)
    """Numbers spelt out. They may answer for digits, but "one" in "which one" is no
    fact of its own."""
    dates: set[str] = field(default_factory=set)
    """``2024-05-20``, ``05-20`` where no year is given, ``10:30`` and ``10:30:15``."""
    codes: set[str] = field(default_factory=set)
    """Words of two to six capitals."""
    names: set[str] = field(default_factory=set)
    """Capitalised words inside a sentence."""

    def of_kind(self, kind: str) -> set[str]:
        """The facts of one kind by its name in the parameters."""
        by_kind = {
            "ids": self.ids,
            "numbers": self.numbers,
            "dates": self.dates,
            "codes": self.codes,
            "names": self.names,
        }
        return by_kind[kind]


def extract_facts(text: str) -> Facts:
    """The facts in the first 20,000 characters of ``text``."""
    facts = Facts()
    rest = text[:MAX_CHARACTERS].replace("*", " ").replace("`", " ")
    rest = _strip_list_marks(rest)
    facts.ids.update(
        match[0].rstrip(".,;:!?)").casefold() for match in _ADDRESS.finditer(rest)
    )
    rest = _ADDRESS.sub(" ", rest)
    facts.dates.update(_dates(rest))
    rest = _DATE.sub(" ", rest)
    facts.dates.update(map(_format_time, _TIME.finditer(rest)))
    rest = _TIME.sub(" ", rest)
    for token in _TOKEN.findall(rest):
        _classify(token, facts)
    facts.codes.update(set(_CODE.findall(rest)) - _COMMON_CAPITALS)
    facts.names.update(_NAME.findall(rest))
    return facts


def lacking(required: set[str], provided: set[str]) -> list[str]:
    """The facts of ``required`` that ``provided`` lacks, sorted.

    A date without a year agrees with the same day of any year.
    """
    days = {fact[-5:] for fact in provided}
    yearless = {fact for fact in provided if len(fact) == 5}
    return sorted(
        fact
        for fact in required - provided
        if not (_is_yearless(fact) and fact in days)
        and not (_is_day(fact) and fact[-5:] in yearless)
    )


def _is_day(fact: str) -> bool:
    return len(fact) == 10 and fact[4] == fact[7] == "-"


def _is_yearless(fact: str) -> bool:
    return len(fact) == 5 and fact[2] == "-"


def _strip_list_marks(text: str) -> str:
    """Without "1." and "2)"; "(1)" and "(2)" are marks only where they count up."""
    numbers = list(map(int, _BRACKETED_MARK.findall(text)))
    if len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1)):
        text = _BRACKETED_MARK.sub(" ", text)
    return _LIST_MARK.sub(lambda match: match["aside"] or " ", text)


def _dates(text: str) -> Iterator[str]:
    for match in _DATE.finditer(text):
        year = match["iso_year"] or match["year1"] or match["year2"]
        name = match["month1"] or match["month2"]
        month = MONTHS[name.casefold()] if name else int(match["iso_month"])
        day = int(match["iso_day"] or match["day1"] or match["day2"])
        yield f"{year}-{month:02}-{day:02}" if year else f"{month:02}-{day:02}"


def _format_time(match: re.Match[str]) -> str:
    hour = int(match["hour"] or match["hour2"])
    half = (match["half"] or match["half2"] or "").casefold()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    second = match["second"] or "00"
    time = f"{hour:02}:{match['minute'] or '00'}"
    return time if second == "00" else f"{time}:{second}"


def _classify(token: str, facts: Facts) -> None:
    if not any(map(str.isdigit, token)):
        if (word := token.casefold()) in _NUMBER_WORDS:
            facts.number_words.add(_NUMBER_WORDS[word])
        return
    sign = "-" if token[0] in "-\u2212" else ""
    token = token.lstrip("-\u2212$€£")
    counted = _COUNTED.fullmatch(token)
    number = (counted["number"] if counted else token).replace(",", "")
    if counted and counted["thousands"]:
        number += "000"
    if number.startswith("."):
        number = f"0{number}"
    if not number.replace(".", "").isdigit():
        facts.ids.add(token.casefold())
    elif number.startswith("0") and number.isdigit() and len(number) > 1:
        facts.ids.add(number)
    else:
        is_decimal = "." in number
        plain = number.rstrip("0").rstrip(".") if is_decimal else number
        facts.numbers.add(sign + plain)
