import pandas as pd

from pivotrl_pipeline.reporting.run_summary import render_run_summary


def test_run_summary_says_what_was_kept_spent_and_gained() -> None:
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
    metrics = pd.DataFrame({"rollout_turns": [128, 256]})

    text = render_run_summary(summary, report, metrics, confidence=0.95)

    assert text.splitlines() == [
        "2 of 3 turns are pivots; 2 updates on 256 sampled actions.",
        "",
        "| suite | task | items | initial | trained | change | 95% |",
        "|---|---|--:|--:|--:|--:|--:|",
        "| in-domain | mean | 200 | 30.0% | 75.0% | +45.0 | +38.0 … +52.0 |",
    ]
