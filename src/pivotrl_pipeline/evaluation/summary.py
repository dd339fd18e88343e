"""What the trained policy gained in-domain and kept out-of-domain."""

import pandas as pd

from pivotrl_pipeline.evaluation.bootstrap import compute_paired_interval

MEAN = "mean"
"""The row of a suite as a whole: the mean over its items."""


def summarise_results(
    results: pd.DataFrame,
    *,
    initial: str,
    confidence: float,
    num_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Per policy, suite and task: the mean score and its change from ``initial``.

    Args:
        results: The table `evaluation_results` of any number of policies that
            answered the same items.
        initial: The policy that changes are measured from.
        confidence: Of the paired bootstrap intervals.
        num_resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    Returns:
        The table `evaluation_summary`. The task ``mean`` is the whole suite. The
        initial policy's own changes are missing values.
    """
    scores = pivot_scores(results)
    rows = []
    policies = list(dict.fromkeys(results["policy"]))
    for (suite, task), group in scores.groupby(["suite", "task"], sort=False):
        for policy in policies:
            row = {
                "policy": policy,
                "suite": suite,
                "task": task,
                "num_items": len(group),
                "mean": group[policy].mean(),
                "change": float("nan"),
                "change_low": float("nan"),
                "change_high": float("nan"),
            }
            if policy != initial:
                low, high = compute_paired_interval(
                    group[initial].tolist(),
                    group[policy].tolist(),
                    confidence=confidence,
                    num_resamples=num_resamples,
                    seed=seed,
                )
                change = (group[policy] - group[initial]).mean()
                row |= {"change": change, "change_low": low, "change_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def pivot_scores(results: pd.DataFrame) -> pd.DataFrame:
    """Scores with a column per policy and a row per suite, task and item.

    Every item is there twice: under its task, and under `MEAN`, where its own task
    still tells it apart, since ids are unique within a task only.
    """
    own = results.assign(item_task=results["task"])
    whole = pd.concat([own, own.assign(task=MEAN)], ignore_index=True)
    scores: pd.DataFrame = whole.pivot(
        index=["suite", "task", "item_id", "item_task"],
        columns="policy",
        values="score",
    )
    return scores
