"""The few lines a run ends with."""

import pandas as pd

SUITE_TITLES = {"in_domain": "in-domain", "out_of_domain": "out-of-domain"}


def render_run_summary(
    evaluation_summary: pd.DataFrame,
    selection_report: pd.DataFrame,
    training_metrics: pd.DataFrame,
    *,
    confidence: float,
) -> str:
    """What was selected, what it cost and what was gained, as Markdown text."""
    kept = int(selection_report["is_pivot"].sum())
    turns = int(training_metrics["rollout_turns"].iloc[-1])
    lines = [
        f"{kept:,} of {len(selection_report):,} turns are pivots; "
        f"{len(training_metrics)} updates on {turns:,} sampled actions.",
        "",
        f"| suite | task | items | initial | trained | change | {confidence:.0%} |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    policies = list(dict.fromkeys(evaluation_summary["policy"]))
    initial, trained = policies[0], policies[-1]
    rows = evaluation_summary.set_index(["policy", "suite", "task"])
    for suite, task in rows.loc[trained].index:
        before, after = (
            rows.loc[(initial, suite, task)],
            rows.loc[(trained, suite, task)],
        )
        lines.append(
            f"| {SUITE_TITLES[suite]} | {task} | {int(after['num_items'])} "
            f"| {before['mean']:.1%} | {after['mean']:.1%} "
            f"| {100 * after['change']:+.1f} "
            f"| {100 * after['change_low']:+.1f} … {100 * after['change_high']:+.1f} |"
        )
    return "\n".join(lines) + "\n"
