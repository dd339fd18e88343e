"""Methods beside each other: over items and over seeds.

A method is trained in several variants with several seeds each. Its variant is the one
that solves most validation tasks, so nothing that is reported was chosen on what it is
reported on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pivotrl_pipeline.evaluation.summary import MEAN


def choose_variants(validation: pd.DataFrame) -> dict[str, int]:
    """The best variant of each method; of equal ones the first.

    Args:
        validation: Columns ``method``, ``variant``, ``success`` (mean over tasks), a
            row per cell.
    """
    means = validation.groupby(["method", "variant"], as_index=False)["success"].mean()
    best = means.loc[means.groupby("method", sort=False)["success"].idxmax()]
    return dict(zip(best["method"].map(str), best["variant"].map(int), strict=True))


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
    seed_counts, item_counts = (
        generator.multinomial(size, np.full(size, 1 / size), size=num_resamples) / size
        for size in changes.shape
    )
    means = np.einsum("rs,si,ri->r", seed_counts, changes, item_counts)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def contrast_cells(
    results: pd.DataFrame,
    weight_by_group: Mapping[tuple[str, ...], float],
    *,
    confidence: float,
    num_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """A weighted sum of policies' scores, by suite and task.

    A difference of two methods has the weights 1 and -1; an interaction has four.

    Args:
        results: The table `evaluation_results`, of policies that answered the same
            items.
        weight_by_group: Weights by names of policies, a name a seed; a single name is
            a policy without seeds, such as the initial one.
        confidence: Of the interval.
        num_resamples: Bootstrap resamples of seeds and items.
        seed: Of the bootstrap.

    Returns:
        Columns ``suite``, ``task`` (with ``mean`` for the whole suite), ``num_seeds``,
        ``num_items``, ``change``, ``change_low``, ``change_high``.

    Raises:
        ValueError: If the groups have different numbers of seeds.
    """
    num_seeds = {len(group) for group in weight_by_group if len(group) > 1} or {1}
    if len(num_seeds) > 1:
        raise ValueError(f"{sorted(num_seeds)} seeds in the groups; expected as many.")
    whole = pd.concat([results, results.assign(task=MEAN)], ignore_index=True)
    scores = whole.pivot(
        index=["suite", "task", "item_id"], columns="policy", values="score"
    )
    rows = []
    for (suite, task), of_task in scores.groupby(["suite", "task"], sort=False):
        changes = sum(
            weight * of_task[list(group)].to_numpy(dtype=np.float64).T
            for group, weight in weight_by_group.items()
        )
        changes = np.broadcast_to(changes, (max(num_seeds), len(of_task)))
        low, high = compute_crossed_interval(
            changes, confidence=confidence, num_resamples=num_resamples, seed=seed
        )
        rows.append(
            {
                "suite": suite,
                "task": task,
                "num_seeds": len(changes),
                "num_items": len(of_task),
                "change": float(changes.mean()),
                "change_low": low,
                "change_high": high,
            }
        )
    return pd.DataFrame(rows)


def turns_to_reach(
    turns: Sequence[float], success: Sequence[float], level: float
) -> float | None:
    """Where a curve first reaches a level, between measurements on a straight line.

    Args:
        turns: Rising.
        success: Measured after as many turns.
        level: Of success.

    Returns:
        None if it never does.
    """
    before: tuple[float, float] | None = None
    for here in zip(turns, success, strict=True):
        if here[1] >= level:
            if before is None:
                return here[0]
            share = (level - before[1]) / (here[1] - before[1])
            return before[0] + share * (here[0] - before[0])
        before = here
    return None
