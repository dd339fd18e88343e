"""Families of short single-turn tasks with one right answer each."""

import random
from collections.abc import Callable
from typing import TypeAlias

Question: TypeAlias = tuple[str, str]
"""What is asked, and the answer."""

_LETTERS = "abcdefgh"
_WORDS = ("sun", "moon", "star", "rain", "snow", "wind", "leaf", "tree")


def add(rng: random.Random) -> Question:
    """The sum of two numbers up to 20."""
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    return f"add: {a} + {b}", str(a + b)


def subtract(rng: random.Random) -> Question:
    """The difference of two numbers up to 20, never negative."""
    b, a = sorted((rng.randint(0, 20), rng.randint(0, 20)))
    return f"subtract: {a} - {b}", str(a - b)


def sort(rng: random.Random) -> Question:
    """Four different digits in ascending order."""
    digits = rng.sample(range(10), 4)
    return f"sort: {_join(digits)}", _join(sorted(digits))


def reverse(rng: random.Random) -> Question:
    """Four letters backwards."""
    letters = rng.sample(_LETTERS, 4)
    return f"reverse: {_join(letters)}", _join(letters[::-1])


def count(rng: random.Random) -> Question:
    """How often a letter stands among six."""
    letter, other = rng.sample(_LETTERS, 2)
    letters = [rng.choice((letter, other)) for _ in range(6)]
    return f"count {letter}: {_join(letters)}", str(letters.count(letter))


def maximum(rng: random.Random) -> Question:
    """The largest of four digits."""
    digits = rng.sample(range(10), 4)
    return f"maximum: {_join(digits)}", str(max(digits))


def minimum(rng: random.Random) -> Question:
    """The smallest of four digits."""
    digits = rng.sample(range(10), 4)
    return f"minimum: {_join(digits)}", str(min(digits))


def continue_sequence(rng: random.Random) -> Question:
    """The next number of an arithmetic sequence."""
    start, step = rng.randint(0, 9), rng.randint(1, 5)
    terms = [start + step * index for index in range(4)]
    return f"next: {_join(terms[:3])}", str(terms[3])


def last(rng: random.Random) -> Question:
    """The last of four words."""
    words = rng.sample(_WORDS, 4)
    return f"last: {_join(words)}", words[-1]


def duplicate(rng: random.Random) -> Question:
    """The letter that stands twice among five."""
    letters = rng.sample(_LETTERS, 4)
    double = rng.choice(letters)
    letters.insert(rng.randrange(len(letters) + 1), double)
    return f"twice: {_join(letters)}", double


FAMILIES: dict[str, Callable[[random.Random], Question]] = {
    "add": add,
    "continue_sequence": continue_sequence,
    "count": count,
    "duplicate": duplicate,
    "last": last,
    "maximum": maximum,
    "minimum": minimum,
    "reverse": reverse,
    "sort": sort,
    "subtract": subtract,
}


def _join(values: list[int] | list[str]) -> str:
    return " ".join(str(value) for value in values)
