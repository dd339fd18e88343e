"""Paired bootstrap intervals of a change."""

from collections.abc import Sequence

import numpy as np


def compute_paired_interval(
    initial: Sequence[float],
    trained: Sequence[float],
    *,
    confidence: float,
    num_resamples: int,
    seed: int,
) -> tuple[float, float]:
    """Percentile interval of ``mean(trained) - mean(initial)`` over the same items.

    Items are resampled with replacement, both policies' scores of an item together,
    so what is hard about an item cancels.

    Args:
        initial: Scores of the initial policy, one per item.
        trained: Scores of the trained policy on the same items, in the same order.
        confidence: For example 0.95.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If the lengths differ or there is no item.

    Source:
        Efron and Tibshirani 1993, chapter 13 (percentile interval).
    """
    if len(initial) != len(trained) or not initial:
        message = f"{len(initial)} initial and {len(trained)} trained scores"
        raise ValueError(f"{message}; expected the same items, at least one.")
    changes = np.asarray(trained, dtype=np.float64) - np.asarray(initial)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(
        len(changes), np.full(len(changes), 1 / len(changes)), size=num_resamples
    )
    means = counts @ changes / len(changes)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
