"""The comparison of methods, as Markdown and as a figure."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pivotrl_pipeline.evaluation.comparison import turns_to_reach
from pivotrl_pipeline.evaluation.summary import MEAN
from pivotrl_pipeline.reporting.run_summary import SUITE_TITLES

if TYPE_CHECKING:
    from plotly.graph_objs._figure import Figure

LEVELS = (0.25, 0.5, 0.75, 1.0)
"""Of the way from the initial policy's success to where end-to-end RL ends."""


def render_comparison(
    summary: pd.DataFrame,
    cells: pd.DataFrame,
    turns: pd.DataFrame,
    *,
    initial: str,
    confidence: float,
) -> str:
    """What each method gained and cost, and how far the first is ahead of the others.

    Args:
        summary: The table `comparison_summary`.
        cells: The table `comparison_cells`.
        turns: The table `comparison_turns`.
        initial: What methods are measured from.
        confidence: Of the intervals in ``summary``.
    """
    against_initial = summary[summary["less"] == initial]
    against_others = summary[summary["less"] != initial]
    interval = f"{confidence:.0%} interval"
    sections = [
        render_table(
            "## Gained and kept, in points",
            ["method", "suite", "task", "change", interval, "items", "seeds"],
            [describe_change(row, row["method"]) for row in _rows(against_initial)],
        ),
        render_table(
            "## Apart, in points",
            ["methods", "suite", "task", "change", interval, "items", "seeds"],
            [
                describe_change(row, f"{row['method']} less {row['less']}")
                for row in _rows(against_others)
            ],
        ),
        render_table(
            "## What a training cost (mean over seeds of the chosen variant)",
            [
                *("method", "settings", "rollout turns", "with profiling"),
                *("updates", "tokens forwarded", "seconds"),
            ],
            _describe_costs(cells, against_initial),
        ),
        render_table(
            "## Rollout turns to the same validation success",
            ["success", "method", "turns", "with profiling"],
            [
                [
                    f"{row['level']:.1%}",
                    str(row["method"]),
                    _format_turns(row["turns"]),
                    _format_turns(row["turns_with_profiling"]),
                ]
                for row in _rows(turns)
            ],
        ),
        render_table(
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
        ),
    ]
    return "\n\n".join(sections) + "\n"


def measure_turns(
    curves: pd.DataFrame, profiling_turns: dict[str, int], *, reference: str
) -> pd.DataFrame:
    """`comparison_turns`: how soon each method comes as far as the reference.

    Args:
        curves: Of one variant a method: columns ``method``, ``cell``,
            ``rollout_turns``, ``validation_success``. Curves of several seeds are
            averaged measurement by measurement.
        profiling_turns: Spent before the first update, by method.
        reference: The method whose way from its first to its last point is divided
            into `LEVELS`.
    """
    means = {
        str(method): _average_curve(of_method)
        for method, of_method in curves.groupby("method", sort=False)
        if of_method["rollout_turns"].max() > 0
    }
    first, last = means[reference]["validation_success"].iloc[[0, -1]]
    rows: list[dict[str, object]] = []
    for share in LEVELS:
        level = first + share * (last - first)
        for method, curve in means.items():
            reached = turns_to_reach(
                curve["rollout_turns"].tolist(),
                curve["validation_success"].tolist(),
                level,
            )
            profiled = profiling_turns[method]
            rows.append(
                {
                    "level": level,
                    "method": method,
                    "turns": reached,
                    "turns_with_profiling": None
                    if reached is None
                    else reached + profiled,
                }
            )
    return pd.DataFrame(rows).astype(
        {"turns": "float64", "turns_with_profiling": "float64"}
    )


def draw_curves(curves: pd.DataFrame) -> "Figure":
    """Validation success over rollout turns, a line a cell, a colour a method."""
    import plotly.express as px

    figure: Figure = px.line(
        curves,
        x="rollout_turns",
        y="validation_success",
        color="method",
        line_group="cell",
        markers=True,
        labels={
            "rollout_turns": "rollout turns, profiling excluded",
            "validation_success": "success on validation tasks",
        },
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return figure


def _average_curve(curves: pd.DataFrame) -> pd.DataFrame:
    points = curves.assign(point=curves.groupby("cell").cumcount())
    means: pd.DataFrame = points.groupby("point")[
        ["rollout_turns", "validation_success"]
    ].mean()
    return means


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


def _describe_costs(cells: pd.DataFrame, changes: pd.DataFrame) -> list[list[str]]:
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
            ]
        )
    return rows


def render_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    lines = [header, ["---"] * len(header), *rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{title}\n\n{body}"


def _format_turns(turns: object) -> str:
    number = float(str(turns))
    return "never" if math.isnan(number) else f"{number:,.0f}"


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
