import pandas as pd
import pytest

from pivotrl_pipeline.evaluation.summary import summarise_results
from pivotrl_pipeline.records.tables import EvaluationResults, EvaluationSummary


@pytest.fixture
def results() -> pd.DataFrame:
    scores = {
        ("in_domain", "short", "a"): (0.0, 1.0),
        ("in_domain", "short", "b"): (0.0, 1.0),
        ("in_domain", "long", "c"): (1.0, 0.0),
        ("out_of_domain", "sorting", "a"): (1.0, 1.0),
    }
    rows = [
        (policy, *item, "text", score, 1)
        for position, policy in enumerate(["initial", "trained"])
        for item, of_policies in scores.items()
        for score in [of_policies[position]]
    ]
    columns = ["policy", "suite", "task", "item_id", "output", "score", "turns"]
    return pd.DataFrame(rows, columns=columns)


def _summarise(results: pd.DataFrame) -> pd.DataFrame:
    return summarise_results(
        results, initial="initial", confidence=0.95, num_resamples=500, seed=0
    )


def test_change_is_measured_per_task_and_over_the_suite(results: pd.DataFrame) -> None:
    summary = _summarise(results).set_index(["policy", "suite", "task"])

    # short: 0 → 1 on both items; long: 1 → 0; over the suite (1 + 1 - 1) / 3
    assert summary.loc[("trained", "in_domain", "short"), "change"] == 1.0
    assert summary.loc[("trained", "in_domain", "long"), "change"] == -1.0
    mean = summary.loc[("trained", "in_domain", "mean")]
    assert mean["change"] == pytest.approx(1 / 3)
    assert mean["num_items"] == 3
    assert mean["change_low"] <= mean["change"] <= mean["change_high"]


def test_items_of_two_tasks_may_share_an_id(results: pd.DataFrame) -> None:
    # as the tasks of one reasoning-gym suite do: their ids are seed and index
    shared = results.replace({"item_id": {"c": "a"}})

    pd.testing.assert_frame_equal(_summarise(shared), _summarise(results))


def test_initial_policy_has_no_change(results: pd.DataFrame) -> None:
    summary = _summarise(results)

    assert summary[summary["policy"] == "initial"]["change"].isna().all()


def test_tables_have_their_declared_columns(results: pd.DataFrame) -> None:
    EvaluationResults.validate(results)
    EvaluationSummary.validate(_summarise(results))
