"""Floating-point operations that must be done, and how fast this machine does them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.engine_models import SHAPES, Shape
from benchmarks.measuring import read_clock

_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Demand:
    """What one forward of unique tokens cannot do without."""

    tokens: int
    pairs: int
    """Of a token and one that it attends to, itself included."""
    predictions: int
    """Places whose logits are needed."""


def count_operations(size: str, demand: Demand) -> float:
    """Of the matrix products: linear layers, attention, logits."""
    shape = SHAPES[size]
    linear = sum(rows * columns for rows, columns in _list_layers(shape))
    attention = 2 * shape.heads * shape.head_dim  # scores, and the mean of the values
    return 2.0 * (
        demand.tokens * shape.layers * linear
        + demand.pairs * shape.layers * attention
        + demand.predictions * shape.hidden * shape.vocabulary
    )


def measure_rate(size: str, tokens: int) -> float:
    """Operations a second of the model's linear layers alone, at so many tokens."""
    layers = _list_layers(SHAPES[size])
    pairs = [
        (torch.randn(tokens, rows), torch.randn(columns, rows).T)
        for rows, columns in layers
    ]
    for left, right in pairs:
        left @ right
    seconds = []
    for _ in range(_REPEATS):
        started = read_clock()
        for left, right in pairs:
            left @ right
        seconds.append(read_clock() - started)
    operations = 2 * tokens * sum(rows * columns for rows, columns in layers)
    return operations / statistics.median(seconds)


def count_path_pairs(prompt_tokens: int, first: int, last: int) -> int:
    """Pairs of tokens ``first`` to ``last`` behind a prompt, each seeing all before."""
    return sum(prompt_tokens + number + 1 for number in range(first, last))


def demand_of_prefill(prompts: Sequence[Sequence[int]]) -> Demand:
    """Prompts that are prefixes of the last."""
    longest = max(map(len, prompts))
    return Demand(longest, count_path_pairs(0, 0, longest), len(prompts))


def demand_of_step(prompts: Sequence[Sequence[int]], rows: int, step: int) -> Demand:
    """One decoded token for each of ``rows`` actions at each prompt."""
    pairs = sum(rows * (len(prompt) + step) for prompt in prompts)
    return Demand(rows * len(prompts), pairs, rows * len(prompts))


def demand_of_update(prefix: int, num_actions: int, length: int) -> Demand:
    """Actions of one length behind one prefix; the last token predicts nothing."""
    pairs = count_path_pairs(0, 0, prefix)
    pairs += num_actions * count_path_pairs(prefix, 0, length - 1)
    return Demand(
        prefix + num_actions * (length - 1), pairs, 1 + num_actions * (length - 1)
    )


def demand_of_repeating(prefix: int, num_actions: int, length: int) -> Demand:
    """The same with the prefix repeated for each action."""
    tokens = prefix + length - 1
    pairs = num_actions * count_path_pairs(0, 0, tokens)
    return Demand(num_actions * tokens, pairs, num_actions * length)


def _list_layers(shape: Shape) -> list[tuple[int, int]]:
    """Inputs and outputs of each linear layer in a block."""
    heads, keys = shape.heads * shape.head_dim, shape.key_heads * shape.head_dim
    return [
        (shape.hidden, heads),
        (shape.hidden, keys),
        (shape.hidden, keys),
        (heads, shape.hidden),
        (shape.hidden, shape.intermediate),
        (shape.hidden, shape.intermediate),
        (shape.intermediate, shape.hidden),
    ]
