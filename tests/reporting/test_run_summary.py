import logging

import pandas as pd
import pytest

from pivotrl_pipeline.reporting.run_summary import (
    log_run_summary,
    render_run_summary,
)


@pytest.fixture
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    summary = pd.DataFrame(
        [
            ("initial", "in_domain", "mean", 200, 0.30, None, None, None),
            ("trained", "in_domain", "mean", 200, 0.75, 0.45, 0.38, 0.52),
        ],
        columns=[
            *("policy", "suite", "task", "num_items"),
            *("mean", "change", "change_low", "change_high"),
        ],
    )
    report = pd.DataFrame({"is_pivot": [True, False, True]})
    metrics = {"rollout_turns": [128, 256], "profiling_turns": [0, 0]}
    return summary, report, pd.DataFrame(metrics)


def test_run_summary_says_what_was_kept_spent_and_gained(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    text = render_run_summary(*tables, confidence=0.95)

    assert text.splitlines() == [
        "2 of 3 turns are pivots; 2 updates on 256 sampled actions.",
        "",
        "| suite | task | items | initial | trained | change | 95% |",
        "|---|---|--:|--:|--:|--:|--:|",
        "| in-domain | mean | 200 | 30.0% | 75.0% | +45.0 | +38.0 … +52.0 |",
    ]


def test_actions_that_selected_pivots_again_are_told(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    summary, report, metrics = tables
    again = metrics.assign(profiling_turns=[0, 4096])

    text = render_run_summary(summary, report, again, confidence=0.95)

    assert "256 sampled actions, 4,096 more to select pivots again." in text


def test_screen_gets_the_suites_and_the_place_of_the_rest(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        log_run_summary(*tables, report_folder="data/08_reporting")

    assert caplog.messages == [
        "2 of 3 turns are pivots; 2 updates on 256 sampled actions.",
        "in-domain: 30.0 % → 75.0 % (+45.0 points, +38.0 … +52.0) on 200 items",
        "By task: data/08_reporting/run_summary.md",
    ]
