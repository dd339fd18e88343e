"""Drills of what the desk needs most: saying again, and looking up.

A fresh policy learns to copy slowly from desk transcripts, where one token in thirty
is copied from far away. In a drill nearly every answered token is.
"""

import random

from pivotrl_pipeline.environments.desk.vocabulary import (
    CITIES,
    COLOURS,
    NAMES,
    PRODUCTS,
)
from pivotrl_pipeline.records.messages import JsonObject, Message, Role, dump_json


def make_drill(seed: int) -> tuple[Message, ...]:
    """A question and its answer: two thirds to be said again, one to be looked up."""
    rng = random.Random(f"drill {seed}")
    question, answer = rng.choice((_repeat, _repeat, _look_up))(rng)
    return (Message(Role.USER, question), Message(Role.ASSISTANT, answer))


def _repeat(rng: random.Random) -> tuple[str, str]:
    num_words = rng.randint(3, 12)
    if rng.random() < 0.5:
        words = [_draw_word(rng) for _ in range(num_words)]
        text = " ".join(words)
    else:
        names = [rng.choice(NAMES + PRODUCTS + COLOURS) for _ in range(num_words)]
        text = "".join(f"{name}{rng.randint(0, 9)}" for name in names)
    return f"repeat: {text}", text


def _look_up(rng: random.Random) -> tuple[str, str]:
    """The id of a row with a given title, or the title of a row with a given id."""
    titles = rng.sample([f"{c} {p}" for c in COLOURS for p in PRODUCTS], 4)
    numbers = rng.sample(range(10, 100), 4)
    letter = rng.choice("CIO")
    rows: list[JsonObject] = [
        {"id": f"{letter}{number}", "item": title}
        for number, title in zip(numbers, titles, strict=True)
    ][: rng.randint(1, 4)]
    chosen = rng.choice(rows)
    asked, answered = rng.sample(("id", "item"), 2)
    question = f"{dump_json({'items': list(rows)})} {chosen[asked]}"
    return question, str(chosen[answered])


def _draw_word(rng: random.Random) -> str:
    words = rng.choice((NAMES, CITIES, PRODUCTS, COLOURS, ()))
    if words:
        return rng.choice(words)
    return f"{rng.choice('CIO')}{rng.randint(10, 99)}"
