"""The comparison's report, on changes and costs that can be followed by hand."""

import pandas as pd

from pivotrl_pipeline.reporting.comparison import render_comparison


def test_the_report_gives_changes_in_points_and_costs_of_the_chosen_variant() -> None:
    change = {
        "suite": "in_domain",
        "task": "mean",
        "num_seeds": 2,
        "num_items": 40,
        "change": 0.255,
        "change_low": 0.1,
        "change_high": 0.41,
    }
    summary = pd.DataFrame(
        [
            {"method": "pivotrl", "less": "initial", "variant": 1, **change},
            {"method": "pivotrl", "less": "e2e", "variant": 1, **change},
        ]
    )
    cells = pd.DataFrame(
        {
            "cell": f"pivotrl_{variant}_seed_0",
            "method": "pivotrl",
            "variant": variant,
            "seed": 0,
            "settings": "{}",
            "validation_success": 0.5,
            "in_domain": 0.5,
            "out_of_domain": 0.9,
            "num_updates": 30,
            "rollout_turns": turns,
            "profiling_turns": 1000,
            "tokens_forwarded": 7,
            "seconds": 12.0,
            "profiling_seconds": 30.0,
        }
        for variant, turns in ((0, 111), (1, 3840))
    )
    turns = pd.DataFrame(
        {
            "level": [0.4],
            "method": ["pivotrl"],
            "turns": [float("nan")],
            "turns_with_profiling": [float("nan")],
            "seconds": [7.0],
            "seconds_with_profiling": [37.0],
        }
    )

    curves = pd.DataFrame(
        {
            "method": "pivotrl",
            "cell": "pivotrl_1_seed_0",
            "num_updates": [0, 30],
            "rollout_turns": [0, 3840],
            "profiling_turns": 1000,
            "seconds": [0.0, 12.0],
            "profiling_seconds": 30.0,
            "validation_success": [0.2, 0.5],
        }
    )

    report = render_comparison(
        summary,
        cells,
        turns,
        curves,
        initial="initial",
        confidence=0.95,
        judged_on="tasks",
    )

    interval = "+25.5 | +10.0 … +41.0 | 40 | 2 |"
    assert f"| pivotrl | in-domain | all | {interval}" in report
    assert f"| pivotrl less e2e | in-domain | all | {interval}" in report
    assert "| pivotrl | {} | 3,840 | 4,840 | 30 | 7 | 12 | 42 |" in report
    assert "| 40.0% | pivotrl | never | never | 7 | 37 |" in report
    assert "| pivotrl | 30 | 3,840 | 50.0% |" in report
