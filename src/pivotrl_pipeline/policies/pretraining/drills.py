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
from pivotrl_pipeline.records.messages import JsonValue, Message, Role, dump_json


def make_repeat_drill(seed: int) -> tuple[Message, ...]:
    """Words and ids, to be said again."""
    rng = random.Random(f"repeat {seed}")
    text = " ".join(_draw_word(rng) for _ in range(rng.randint(3, 14)))
    return (Message(Role.USER, f"repeat: {text}"), Message(Role.ASSISTANT, text))


def make_look_up_drill(seed: int) -> tuple[Message, ...]:
    """Rows, of which the ids of some are asked for.

    Rows are as the tools give them or in plain words, and the answer says again what
    an id belongs to or does not: saying it again is a step towards doing without.
    """
    rng = random.Random(f"look up {seed}")
    keys = _draw_keys(rng, rng.randint(2, 5))
    letter = rng.choice("CIO")
    numbers = rng.sample(range(10, 100), len(keys))
    id_by_key = {
        key: f"{letter}{number}" for key, number in zip(keys, numbers, strict=True)
    }
    asked = rng.sample(keys, rng.randint(1, len(keys)))
    says_keys = rng.random() < 0.5
    question = f"{'say' if says_keys else 'find'}: {', '.join(asked)}"
    answer = (
        ", ".join(f"{key} {id_by_key[key]}" for key in asked)
        if says_keys
        else " ".join(id_by_key[key] for key in asked)
    )
    return (
        Message(Role.USER, f"{question} {_write_rows(id_by_key, rng)}"),
        Message(Role.ASSISTANT, answer),
    )


def _draw_keys(rng: random.Random, num_keys: int) -> list[str]:
    """Single words, or titles of two products: neither word is then enough."""
    if rng.random() < 0.4:
        return rng.sample(rng.choice((NAMES, CITIES, PRODUCTS, COLOURS)), num_keys)
    products = rng.sample(PRODUCTS, 2)
    titles = [f"{colour} {product}" for colour in COLOURS for product in products]
    return rng.sample(titles, num_keys)


def _write_rows(id_by_key: dict[str, str], rng: random.Random) -> str:
    if rng.random() < 0.5:
        rows: list[JsonValue] = [
            {"id": row_id, "item": key, "status": rng.choice(("open", "shipped"))}
            for key, row_id in id_by_key.items()
        ]
        return dump_json({"items": rows})
    form = rng.choice(("{key} {row_id}", "{row_id} {key}", "{key}: {row_id}"))
    return ", ".join(
        form.format(key=key, row_id=row_id) for key, row_id in id_by_key.items()
    )


def _draw_word(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.3:
        return f"{rng.choice('CIO')}{rng.randint(10, 99)}"
    if draw < 0.4:
        return f"{rng.choice(NAMES).lower()}{rng.randint(0, 9)}@{rng.choice(HOSTS)}.com"
    return rng.choice(rng.choice((NAMES, CITIES, PRODUCTS, COLOURS)))
