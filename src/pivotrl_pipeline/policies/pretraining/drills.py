"""Drills of what the desk needs most: saying again, and looking up.

A fresh policy learns to copy slowly from desk transcripts, where one token in thirty
is copied and from far away. In a drill nearly every answered token is.
"""

import random

from pivotrl_pipeline.environments.desk.vocabulary import (
    CITIES,
    COLOURS,
    HOSTS,
    NAMES,
    PRODUCTS,
)
from pivotrl_pipeline.records.messages import Message, Role, dump_json

_TITLES = tuple(f"{colour} {product}" for colour in COLOURS for product in PRODUCTS)


def make_repeat_drill(seed: int) -> tuple[Message, ...]:
    """Words and ids, to be said again."""
    rng = random.Random(f"repeat {seed}")
    text = " ".join(_draw_word(rng) for _ in range(rng.randint(3, 14)))
    return (Message(Role.USER, f"repeat: {text}"), Message(Role.ASSISTANT, text))


def make_look_up_drill(seed: int) -> tuple[Message, ...]:
    """Rows as the tools give them: the id that has a title, or the reverse."""
    rng = random.Random(f"look up {seed}")
    num_rows, letter = rng.randint(1, 4), rng.choice("CIO")
    rows = [
        {"id": f"{letter}{number}", "item": title}
        for number, title in zip(
            rng.sample(range(10, 100), num_rows),
            rng.sample(_TITLES, num_rows),
            strict=True,
        )
    ]
    chosen = rng.choice(rows)
    asked, answered = rng.sample(("id", "item"), 2)
    question = f"{dump_json({'items': rows})} {chosen[asked]}"
    return (Message(Role.USER, question), Message(Role.ASSISTANT, chosen[answered]))


def _draw_word(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.3:
        return f"{rng.choice('CIO')}{rng.randint(10, 99)}"
    if draw < 0.4:
        return f"{rng.choice(NAMES).lower()}{rng.randint(0, 9)}@{rng.choice(HOSTS)}.com"
    return rng.choice(rng.choice((NAMES, CITIES, PRODUCTS, COLOURS)))
