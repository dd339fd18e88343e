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
    weights = _draw_weights(generator, len(changes), num_resamples)
    return _find_interval(weights @ changes, confidence)


def compute_crossed_interval(
    changes: np.ndarray, *, confidence: float, num_resamples: int, seed: int
) -> tuple[float, float]:
    """Percentile interval of the mean of changes, over seeds and items at once.

    Seeds and items are resampled with replacement, each on its own, so the interval
    holds for other seeds and other items of the same kind.

    Args:
        changes: float64, shape [seed, item]; differences of scores in one item.
        confidence: For example 0.95.
        num_resamples: Bootstrap resamples.
        seed: Of the resampling.

    Raises:
        ValueError: If there is no seed or no item.

    Source:
        Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2).
    """
    if changes.ndim != 2 or changes.size == 0:
        message = f"changes have the shape {changes.shape}"
        raise ValueError(f"{message}; expected [seed, item], at least one of each.")
    generator = np.random.default_rng(seed)
    seed_weights, item_weights = (
        _draw_weights(generator, size, num_resamples) for size in changes.shape
    )
    means = np.einsum("rs,si,ri->r", seed_weights, changes, item_weights)
    return _find_interval(means, confidence)


def _draw_weights(
    generator: np.random.Generator, size: int, num_resamples: int
) -> np.ndarray:
    """How often each of ``size`` is drawn, as a share; shape [resample, size]."""
    counts = generator.multinomial(size, np.full(size, 1 / size), size=num_resamples)
    return counts / size


def _find_interval(means: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
