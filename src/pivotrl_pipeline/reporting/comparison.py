"""The comparison of methods, as Markdown."""

import math
from collections.abc import Sequence

import pandas as pd

from pivotrl_pipeline.evaluation.summary import MEAN
from pivotrl_pipeline.reporting.curves import SPENT, sample_curves
from pivotrl_pipeline.reporting.run_summary import SUITE_TITLES

MEANINGS = {
    "tasks": "In-domain is the share of held-out tasks solved; validation success is "
    "the same on tasks that nothing is reported on.",
    "turns": "In-domain is the mean reward of the greedy action at recorded turns of "
    "held-out tasks; validation success is the same at those of other held-out tasks, "
    "which chose weights and variants. Turns are told apart by what selection would "
    "say of them: kept are those that would be pivots.",
}
"""Of in-domain figures, by what they are judged on."""


def render_comparison(
    summary: pd.DataFrame,
    cells: pd.DataFrame,
    turns: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    initial: str,
    confidence: float,
    judged_on: str,
    left_out: Sequence[str] = (),
) -> str:
    """What each method gained and cost, and how far the first is ahead of the others.

    Args:
        summary: The table `comparison_summary`.
        cells: The table `comparison_cells`.
        turns: The table `comparison_turns`.
        curves: Of the table `comparison_curves`, the chosen variants.
        initial: What methods are measured from.
        confidence: Of the intervals in ``summary``.
        judged_on: One of `MEANINGS`.
        left_out: Methods that act in an environment, where there is none.
    """
    against_initial = summary[summary["less"] == initial]
    against_others = summary[summary["less"] != initial]
    sections = [
        " ".join([MEANINGS[judged_on], *_name_left_out(left_out)]),
        _render_changes(
            "## Gained and kept, in points",
            "method",
            [describe_change(row, row["method"]) for row in _rows(against_initial)],
            confidence,
        ),
        _render_changes(
            "## Apart, in points",
            "methods",
            [
                describe_change(row, f"{row['method']} less {row['less']}")
                for row in _rows(against_others)
            ],
            confidence,
        ),
        _render_costs(cells, against_initial),
        _render_turns(turns),
        _render_curves(curves),
        _render_cells(cells),
    ]
    return "\n\n".join(sections) + "\n"


def _name_left_out(methods: Sequence[str]) -> list[str]:
    names = ", ".join(methods)
    return [f"Left out, since they act in an environment: {names}."] if names else []


def _render_changes(
    title: str, subject: str, rows: Sequence[Sequence[str]], confidence: float
) -> str:
    interval = f"{confidence:.0%} interval"
    header = [subject, "suite", "task", "change", interval, "items", "seeds"]
    return render_table(title, header, rows)


def describe_change(row: dict[str, object], title: object) -> list[str]:
    change, low, high = (
        100 * float(str(row[name])) for name in ("change", "change_low", "change_high")
    )
    task = "all" if row["task"] == MEAN else str(row["task"])
    return [
        str(title),
        SUITE_TITLES[str(row["suite"])],
        task,
        f"{change:+.1f}",
        f"{low:+.1f} … {high:+.1f}",
        str(row["num_items"]),
        str(row["num_seeds"]),
    ]


def _render_costs(cells: pd.DataFrame, changes: pd.DataFrame) -> str:
    chosen = changes.drop_duplicates("method").set_index("method")["variant"]
    kept = cells[cells["variant"] == cells["method"].map(chosen)]
    rows = []
    for method, of_method in kept.groupby("method", sort=False):
        means = of_method.mean(numeric_only=True)
        rows.append(
            [
                str(method),
                str(of_method["settings"].iloc[0]),
                f"{means['rollout_turns']:,.0f}",
                f"{means['rollout_turns'] + means['profiling_turns']:,.0f}",
                f"{means['num_updates']:.0f}",
                f"{means['tokens_forwarded']:,.0f}",
                f"{means['seconds']:.0f}",
                f"{means['seconds'] + means['profiling_seconds']:.0f}",
            ]
        )
    return render_table(
        "## What a training cost (mean over seeds of the chosen variant)",
        [
            *("method", "settings", "rollout turns", "with profiling"),
            *("updates", "tokens forwarded", "seconds", "with profiling"),
        ],
        rows,
    )


def _render_turns(turns: pd.DataFrame) -> str:
    return render_table(
        "## Rollout turns and seconds to the same validation success",
        [
            *("success", "method", "turns", "with profiling"),
            *("seconds", "with profiling"),
        ],
        [
            [
                f"{row['level']:.1%}",
                str(row["method"]),
                *(_format_spent(row[name]) for name in SPENT),
            ]
            for row in _rows(turns)
        ],
    )


def _render_curves(curves: pd.DataFrame) -> str:
    return render_table(
        "## As training goes on (mean over seeds of the chosen variant)",
        ["method", "updates", "rollout turns", "validation success"],
        [
            [
                str(row["method"]),
                f"{row['num_updates']:.0f}",
                f"{row['rollout_turns']:,.0f}",
                f"{row['validation_success']:.1%}",
            ]
            for row in _rows(sample_curves(curves))
        ],
    )


def _render_cells(cells: pd.DataFrame) -> str:
    return render_table(
        "## Every cell",
        ["cell", "settings", "validation", "in-domain", "out-of-domain", "turns"],
        [
            [
                str(row["cell"]),
                str(row["settings"]),
                *(
                    f"{row[name]:.1%}"
                    for name in ("validation_success", "in_domain", "out_of_domain")
                ),
                f"{row['rollout_turns']:,}",
            ]
            for row in _rows(cells)
        ],
    )


def render_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    lines = [header, ["---"] * len(header), *rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{title}\n\n{body}"


def _format_spent(spent: object) -> str:
    number = float(str(spent))
    return "never" if math.isnan(number) else f"{number:,.0f}"


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
