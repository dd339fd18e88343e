import pandas as pd
import pytest

from pivotrl_pipeline.selection.statistics import (
    compute_reward_statistics,
    summarise_verdicts,
)


def test_reward_variance_divides_by_group_size() -> None:
    statistics = compute_reward_statistics([1.0, 0.0, 0.0, 1.0])

    # mean 1/2; deviations all 1/2; mean square 1/4 (the sample variance would be 1/3)
    assert statistics.reward_mean == pytest.approx(0.5)
    assert statistics.reward_variance == pytest.approx(0.25)


def test_excluded_rollouts_count_in_nothing_but_their_number() -> None:
    statistics = compute_reward_statistics([1.0, None, 0.0, 0.0, None])

    # mean 1/3; variance (4/9 + 1/9 + 1/9) / 3 = 2/9
    assert statistics.reward_mean == pytest.approx(1 / 3)
    assert statistics.reward_variance == pytest.approx(2 / 9)
    assert (statistics.num_rollouts, statistics.num_excluded) == (3, 2)


def test_group_without_verdict_has_no_mean() -> None:
    statistics = compute_reward_statistics([None, None])

    assert statistics.reward_mean is None
    assert statistics.reward_variance is None
    assert (statistics.num_rollouts, statistics.num_excluded) == (0, 2)


def test_group_of_equal_rewards_has_zero_variance() -> None:
    assert compute_reward_statistics([1.0] * 8).reward_variance == 0.0


def test_verdicts_are_grouped_by_candidate_and_verifier() -> None:
    verdicts = pd.DataFrame(
        [
            ("a#0", 0, "functional", 1.0),
            ("a#0", 0, "exact_match", 0.0),
            ("a#0", 1, "functional", 0.0),
            ("a#0", 1, "exact_match", None),
        ],
        columns=["candidate_id", "sample_index", "verifier", "reward"],
    )

    table = summarise_verdicts(verdicts).set_index(["candidate_id", "verifier"])

    assert table.loc[("a#0", "functional"), "reward_variance"] == pytest.approx(0.25)
    assert table.loc[("a#0", "exact_match"), "num_excluded"] == 1
    assert table.loc[("a#0", "exact_match"), "reward_mean"] == 0.0
