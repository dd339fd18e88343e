"""The few lines a run ends with."""

import logging

import pandas as pd

logger = logging.getLogger(__name__)

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
    keys = ["suite", "task"]
    before = evaluation_summary[evaluation_summary["policy"] == policies[0]]
    after = evaluation_summary[evaluation_summary["policy"] == policies[-1]]
    rows = after.merge(before[[*keys, "mean"]], on=keys, suffixes=("", "_initial"))
    for row in rows.to_dict("records"):
        low, high = 100 * row["change_low"], 100 * row["change_high"]
        lines.append(
            f"| {SUITE_TITLES[row['suite']]} | {row['task']} | {row['num_items']} "
            f"| {row['mean_initial']:.1%} | {row['mean']:.1%} "
            f"| {100 * row['change']:+.1f} | {low:+.1f} … {high:+.1f} |"
        )
    return "\n".join(lines) + "\n"


def log_run_summary(text: str) -> None:
    """Says it at the end of a run."""
    for line in text.splitlines():
        logger.info(line)
