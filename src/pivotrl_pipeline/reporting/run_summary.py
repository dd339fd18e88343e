"""What a run ends with: a table for the file, a few lines for the screen."""

import logging

import pandas as pd

from pivotrl_pipeline.evaluation.summary import MEAN

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
    lines = [
        _describe_training(selection_report, training_metrics),
        "",
        f"| suite | task | items | initial | trained | change | {confidence:.0%} |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in _pair_policies(evaluation_summary).to_dict("records"):
        low, high = 100 * row["change_low"], 100 * row["change_high"]
        lines.append(
            f"| {SUITE_TITLES[row['suite']]} | {row['task']} | {row['num_items']} "
            f"| {row['mean_initial']:.1%} | {row['mean']:.1%} "
            f"| {100 * row['change']:+.1f} | {low:+.1f} … {high:+.1f} |"
        )
    return "\n".join(lines) + "\n"


def log_run_summary(
    evaluation_summary: pd.DataFrame,
    selection_report: pd.DataFrame,
    training_metrics: pd.DataFrame,
    *,
    report_folder: str,
) -> None:
    """Says the same in a few lines, and where the rest is."""
    logger.info(_describe_training(selection_report, training_metrics))
    rows = _pair_policies(evaluation_summary)
    for row in rows[rows["task"] == MEAN].to_dict("records"):
        low, high = 100 * row["change_low"], 100 * row["change_high"]
        logger.info(
            "%s: %.1f %% → %.1f %% (%+.1f points, %+.1f … %+.1f) on %d items",
            SUITE_TITLES[row["suite"]],
            100 * row["mean_initial"],
            100 * row["mean"],
            100 * row["change"],
            low,
            high,
            row["num_items"],
        )
    logger.info("By task: %s/run_summary.md", report_folder)


def _describe_training(
    selection_report: pd.DataFrame, training_metrics: pd.DataFrame
) -> str:
    kept = int(selection_report["is_pivot"].sum())
    spent = training_metrics[["rollout_turns", "profiling_turns"]].iloc[-1]
    turns, profiled = map(int, spent)
    again = f", {profiled:,} more to select pivots again" if profiled else ""
    return (
        f"{kept:,} of {len(selection_report):,} turns are pivots; "
        f"{len(training_metrics)} updates on {turns:,} sampled actions{again}."
    )


def _pair_policies(evaluation_summary: pd.DataFrame) -> pd.DataFrame:
    """The last policy's rows, each with the first one's mean beside it."""
    policies = list(dict.fromkeys(evaluation_summary["policy"]))
    keys = ["suite", "task"]
    before = evaluation_summary[evaluation_summary["policy"] == policies[0]]
    after = evaluation_summary[evaluation_summary["policy"] == policies[-1]]
    means = before[[*keys, "mean"]]
    pairs: pd.DataFrame = after.merge(means, on=keys, suffixes=("", "_initial"))
    return pairs
