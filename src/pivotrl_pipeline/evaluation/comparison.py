"""Methods beside each other: over items and over seeds.

A method is trained in several variants with several seeds each. Its variant is the one
that solves most validation tasks, so nothing that is reported was chosen on what it is
reported on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pivotrl_pipeline.evaluation.bootstrap import compute_crossed_interval
from pivotrl_pipeline.evaluation.summary import pivot_scores


def choose_variants(validation: pd.DataFrame) -> dict[str, int]:
    """The best variant of each method; of equal ones the first.

    Args:
        validation: Columns ``method``, ``variant``, ``success`` (mean over tasks), a
            row per cell.
    """
    means = validation.groupby(["method", "variant"], as_index=False)["success"].mean()
    best = means.loc[means.groupby("method", sort=False)["success"].idxmax()]
    return dict(zip(best["method"].map(str), best["variant"].map(int), strict=True))


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
    rows = []
    for (suite, task), of_task in pivot_scores(results).groupby(
        ["suite", "task"], sort=False
    ):
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
