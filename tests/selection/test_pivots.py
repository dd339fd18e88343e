import pandas as pd
import pytest

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.tables import Pivots, SelectionReport
from pivotrl_pipeline.selection.pivots import select_pivots
from pivotrl_pipeline.selection.strategies import SelectionRule

LOW_MEAN = SelectionRule("low_mean", 0.6, False, False)


@pytest.fixture
def candidates() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candidate_id": ["a#0", "a#1", "b#0"],
            "trajectory_id": ["a", "a", "b"],
            "turn_index": [0, 1, 0],
            "message_index": [2, 4, 2],
        }
    )


@pytest.fixture
def trajectories() -> pd.DataFrame:
    return pd.DataFrame({"trajectory_id": ["a", "b"], "split": ["train", "validation"]})


@pytest.fixture
def statistics() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candidate_id": ["a#0", "a#1", "b#0"],
            "verifier": "functional",
            "num_rollouts": 8,
            "reward_mean": [0.5, 1.0, 0.5],
            "reward_variance": [0.25, 0.0, 0.25],
            "num_excluded": 0,
        }
    )


def test_pivots_are_varying_turns_of_training_tasks(
    candidates: pd.DataFrame, trajectories: pd.DataFrame, statistics: pd.DataFrame
) -> None:
    pivots, report = select_pivots(
        candidates, trajectories, statistics, verifier="functional", rule=LOW_MEAN
    )

    assert list(pivots["candidate_id"]) == ["a#0"]
    assert list(report["reason"]) == ["kept", "always_right", "validation_split"]


def test_tables_have_their_declared_columns(
    candidates: pd.DataFrame, trajectories: pd.DataFrame, statistics: pd.DataFrame
) -> None:
    pivots, report = select_pivots(
        candidates,
        trajectories,
        statistics.head(2),
        verifier="functional",
        rule=LOW_MEAN,
    )

    Pivots.validate(pivots)
    SelectionReport.validate(report)


def test_unknown_verifier_names_those_that_judged(
    candidates: pd.DataFrame, trajectories: pd.DataFrame, statistics: pd.DataFrame
) -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'functional'"):
        select_pivots(
            candidates, trajectories, statistics, verifier="funktional", rule=LOW_MEAN
        )


def test_empty_selection_is_an_error_with_the_counts(
    candidates: pd.DataFrame, trajectories: pd.DataFrame, statistics: pd.DataFrame
) -> None:
    rule = SelectionRule("low_mean", 0.4, False, False)

    with pytest.raises(
        ConfigurationError,
        match=r"keeps none of 3 candidates .*1 mean_too_high.*raise the threshold",
    ):
        select_pivots(
            candidates, trajectories, statistics, verifier="functional", rule=rule
        )
