"""Methods beside each other, with hand-computed changes."""

import numpy as np
import pandas as pd
import pytest

from pivotrl_pipeline.evaluation.bootstrap import compute_crossed_interval
from pivotrl_pipeline.evaluation.comparison import (
    choose_variants,
    contrast_cells,
    turns_to_reach,
)

BOOTSTRAP = {"confidence": 0.95, "num_resamples": 500, "seed": 0}


def _make_results(scores_by_policy: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "policy": policy,
            "suite": "in_domain",
            "task": "short" if index < 2 else "long",
            "item_id": str(index),
            "score": score,
        }
        for policy, scores in scores_by_policy.items()
        for index, score in enumerate(scores)
    )


def test_the_variant_with_the_best_mean_over_seeds_is_chosen() -> None:
    cells = pd.DataFrame(
        [
            ("sft", 0, 0.9),
            ("sft", 0, 0.1),
            ("sft", 1, 0.6),
            ("sft", 1, 0.6),
            ("pivotrl", 0, 0.5),
            ("pivotrl", 1, 0.5),
        ],
        columns=["method", "variant", "success"],
    )

    assert choose_variants(cells) == {"pivotrl": 0, "sft": 1}


def test_a_difference_is_the_mean_over_items_and_seeds() -> None:
    results = _make_results(
        {
            "initial": [0, 0, 0, 1],
            "rl_0": [1, 0, 1, 1],
            "rl_1": [1, 1, 0, 1],
            "sft_0": [1, 0, 0, 0],
            "sft_1": [0, 0, 0, 1],
        }
    )

    gained = contrast_cells(
        results, {("rl_0", "rl_1"): 1.0, ("initial",): -1.0}, **BOOTSTRAP
    ).set_index("task")
    apart = contrast_cells(
        results, {("rl_0", "rl_1"): 1.0, ("sft_0", "sft_1"): -1.0}, **BOOTSTRAP
    ).set_index("task")

    assert gained["change"].to_dict() == {"short": 0.75, "long": 0.25, "mean": 0.5}
    assert apart["change"].to_dict() == {"short": 0.5, "long": 0.5, "mean": 0.5}
    assert apart["num_seeds"].to_dict() == {"short": 2, "long": 2, "mean": 2}
    assert apart["num_items"].to_dict() == {"short": 2, "long": 2, "mean": 4}


def test_an_interaction_is_a_difference_of_differences() -> None:
    results = _make_results(
        {"a": [1, 1, 1, 1], "b": [1, 0, 0, 0], "c": [1, 1, 0, 0], "d": [0, 0, 0, 0]}
    )
    weights = {("a",): 1.0, ("b",): -1.0, ("c",): -1.0, ("d",): 1.0}

    interaction = contrast_cells(results, weights, **BOOTSTRAP).set_index("task")

    assert interaction.loc["mean", "change"] == (1.0 - 0.25) - (0.5 - 0.0)


def test_groups_of_different_numbers_of_seeds_are_refused() -> None:
    results = _make_results({"a": [1], "b": [1], "c": [0], "d": [0], "e": [0]})

    with pytest.raises(ValueError, match="expected as many"):
        contrast_cells(results, {("a", "b"): 1.0, ("c", "d", "e"): -1.0}, **BOOTSTRAP)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    # Scores vary by seed and by item; intervals over items alone would be too narrow.
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        by_seed = generator.normal(0.3, 0.2, size=(8, 1))
        by_item = generator.normal(0.0, 0.5, size=(1, 60))
        noise = generator.normal(0.0, 0.3, size=(8, 60))
        low, high = compute_crossed_interval(
            by_seed + by_item + noise, confidence=0.9, num_resamples=300, seed=trial
        )
        covered += low <= 0.3 <= high

    assert 0.8 <= covered / 200 <= 0.99


def test_no_spread_gives_a_point() -> None:
    interval = compute_crossed_interval(np.full((3, 4), 0.5), **BOOTSTRAP)

    assert interval == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,)])
def test_an_interval_needs_seeds_and_items(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        compute_crossed_interval(np.zeros(shape), **BOOTSTRAP)


@pytest.mark.parametrize(
    ("level", "expected"), [(0.2, 0), (0.3, 50), (0.4, 100), (0.5, 250), (0.8, None)]
)
def test_a_level_is_reached_between_measurements(
    level: float, expected: float | None
) -> None:
    turns = turns_to_reach([0, 100, 200, 300], [0.2, 0.4, 0.3, 0.7], level)

    assert turns == (expected if expected is None else pytest.approx(expected))
