"""Regression to the mean, by hand."""

from dataclasses import asdict

import pandas as pd

from pivotrl_pipeline.reporting.profile import render_regression
from pivotrl_pipeline.selection.statistics import compute_reward_statistics


def make_statistics(*means: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"reward_mean": means, "reward_variance": [m * (1 - m) for m in means]}
    )


def test_kept_pivots_are_set_beside_their_fresh_samples() -> None:
    report = render_regression(
        make_statistics(0.5, 0.25, 0.5, 0.5),
        make_statistics(1.0, 0.5, 0.75, 0.0),
        threshold=0.6,
    )

    assert "| mean of the reward means | 0.438 | 0.562 |" in report
    assert "| share with variance | 100.0% | 50.0% |" in report
    assert "| share with a mean below 0.6 | 100.0% | 50.0% |" in report


def test_equal_rewards_have_no_variance_however_they_are_rounded() -> None:
    constant, varying = (
        compute_reward_statistics(rewards) for rewards in ([0.1] * 8, [0.1, 0.2] * 4)
    )
    table = pd.DataFrame([asdict(constant), asdict(varying)])

    report = render_regression(table, table, threshold=0.6)

    assert 0 < constant.reward_variance < 1e-20
    assert "| share with variance | 50.0% | 50.0% |" in report
