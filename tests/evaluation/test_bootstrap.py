import itertools

import numpy as np
import pytest

from pivotrl_pipeline.evaluation.bootstrap import compute_paired_interval


def test_interval_of_a_constant_change_is_that_change() -> None:
    low, high = compute_paired_interval(
        [0.0, 0.2, 0.4],
        [0.5, 0.7, 0.9],
        confidence=0.95,
        num_resamples=200,
        seed=0,
    )

    assert (low, high) == pytest.approx((0.5, 0.5))


def test_interval_agrees_with_all_resamples_of_three_items() -> None:
    initial, trained = [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]

    low, high = compute_paired_interval(
        initial, trained, confidence=0.8, num_resamples=20_000, seed=0
    )

    # changes (1, 0, 0): of the 27 equally likely resamples 8 have mean 0, 12 mean 1/3,
    # 6 mean 2/3 and 1 mean 1: the tenth percentile is 0, the ninetieth 2/3
    changes = np.array([1.0, 0.0, 0.0])
    means = [changes[list(i)].mean() for i in itertools.product(range(3), repeat=3)]
    assert (low, high) == pytest.approx(
        (np.quantile(means, 0.1), np.quantile(means, 0.9))
    )
    assert (low, high) == pytest.approx((0.0, 2 / 3))


def test_interval_narrows_with_the_number_of_items() -> None:
    few = compute_paired_interval(
        [0.0] * 20, [0.0, 1.0] * 10, confidence=0.95, num_resamples=2000, seed=0
    )
    many = compute_paired_interval(
        [0.0] * 2000, [0.0, 1.0] * 1000, confidence=0.95, num_resamples=2000, seed=0
    )

    # The standard error falls with the square root: by a factor of ten.
    assert (many[1] - many[0]) == pytest.approx((few[1] - few[0]) / 10, rel=0.2)


def test_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="2 initial and 1 trained scores"):
        compute_paired_interval(
            [0.0, 1.0], [1.0], confidence=0.95, num_resamples=100, seed=0
        )
