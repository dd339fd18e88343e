"""How success grows with updates and with turns, and how soon it is where."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pivotrl_pipeline.evaluation.comparison import turns_to_reach

if TYPE_CHECKING:
    from plotly.graph_objs._figure import Figure

LEVELS = (0.25, 0.5, 0.75, 1.0)
"""Of the way from the initial policy's success to where end-to-end RL ends."""
NUM_POINTS = 8
"""Of each curve in the report; the table has all."""
SPENT: dict[str, tuple[str, ...]] = {
    "turns": ("rollout_turns",),
    "turns_with_profiling": ("rollout_turns", "profiling_turns"),
    "seconds": ("seconds",),
    "seconds_with_profiling": ("seconds", "profiling_seconds"),
}
"""Columns of `comparison_turns`, and those of curves that are added up for them."""
AXES = {
    "rollout_turns": "rollout turns, profiling excluded",
    "num_updates": "updates",
}


def measure_turns(curves: pd.DataFrame, *, reference: str) -> pd.DataFrame:
    """`comparison_turns`: how soon each method comes as far as the reference.

    Args:
        curves: The table `comparison_curves`, of one variant a method. Curves of
            several seeds are averaged measurement by measurement.
        reference: The method whose way from its first to its last point is divided
            into `LEVELS`.

    Returns:
        Only methods that sample turns have rows; none has if the reference samples
        none.
    """
    means = {
        method: curve
        for method, curve in average_curves(curves).items()
        if curve["rollout_turns"].max() > 0
    }
    names = ["level", "method", *SPENT]
    if reference not in means:
        empty = pd.DataFrame(columns=names, dtype="float64")
        return empty.astype({"method": "str"})
    first, last = means[reference]["validation_success"].iloc[[0, -1]]
    rows = [
        (level, method, *(_reach(curve, columns, level) for columns in SPENT.values()))
        for level in (first + share * (last - first) for share in LEVELS)
        for method, curve in means.items()
    ]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(SPENT, "float64"))


def sample_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """At most `NUM_POINTS` points of each method's mean curve, its ends among them."""
    parts = []
    for method, curve in average_curves(curves).items():
        last = len(curve) - 1
        kept = np.unique(np.linspace(0, last, NUM_POINTS).round().astype(int))
        parts.append(curve.iloc[kept].assign(method=method))
    return pd.concat(parts, ignore_index=True)


def draw_curves(curves: pd.DataFrame) -> "Figure":
    """Validation success over rollout turns, and over updates.

    A line is a cell, a colour a method. Trainings that sample no turns stand over
    updates alone.
    """
    import plotly.express as px

    samples_turns = curves.groupby("cell")["rollout_turns"].transform("max") > 0
    panels = [
        curves[is_shown].assign(axis=title, spent=curves[name])
        for (name, title), is_shown in zip(
            AXES.items(), (samples_turns, curves["cell"].notna()), strict=True
        )
    ]
    figure: Figure = px.line(
        pd.concat(panels, ignore_index=True),
        x="spent",
        y="validation_success",
        color="method",
        line_group="cell",
        facet_col="axis",
        markers=True,
        labels={"validation_success": "validation success", "spent": ""},
    )
    figure.update_xaxes(matches=None)
    for note in figure.layout.annotations:
        note.text = note.text.removeprefix("axis=")
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return figure


def average_curves(curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The mean over seeds of each method, measurement by measurement."""
    points = curves.assign(point=curves.groupby("cell").cumcount())
    spent = dict.fromkeys(name for names in SPENT.values() for name in names)
    columns = ["num_updates", *spent, "validation_success"]
    return {
        str(method): of_method.groupby("point")[columns].mean()
        for method, of_method in points.groupby("method", sort=False)
    }


def _reach(curve: pd.DataFrame, columns: tuple[str, ...], level: float) -> float | None:
    spent = curve[list(columns)].sum(axis=1).tolist()
    return turns_to_reach(spent, curve["validation_success"].tolist(), level)
