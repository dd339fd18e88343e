"""The ablation grid, as Markdown and as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pivotrl_pipeline.evaluation.summary import MEAN
from pivotrl_pipeline.reporting.comparison import describe_change, render_table

if TYPE_CHECKING:
    from plotly.graph_objs._figure import Figure


def render_ablation(summary: pd.DataFrame, *, confidence: float) -> str:
    """Each cell's change from the initial policy, and the interaction."""
    rows = [
        describe_change(
            {str(key): value for key, value in row.items()},
            f"{row['cell']} ({row['contrast']})",
        )
        for row in summary.to_dict("records")
    ]
    interval = f"{confidence:.0%} interval"
    header = ["cell", "suite", "task", "change", interval, "items", "seeds"]
    return render_table("## Verifier and selection, in points", header, rows) + "\n"


def draw_ablation(summary: pd.DataFrame, strategies: Sequence[str]) -> "Figure":
    """In-domain change by selection, a line a verifier: parallel lines do not interact.

    Args:
        summary: The table `ablation_summary`.
        strategies: What cells' names end with; before it stands the verifier, whose
            name may be the beginning of another's.
    """
    import plotly.express as px

    whole = summary[
        (summary["task"] == MEAN)
        & (summary["suite"] == "in_domain")
        & (summary["contrast"] == "change")
    ]
    split = [
        next((cell.removesuffix(f"_{s}"), s) for s in strategies if cell.endswith(s))
        for cell in whole["cell"]
    ]
    points = whole.assign(
        verifier=[verifier for verifier, _ in split],
        strategy=[strategy for _, strategy in split],
        above=whole["change_high"] - whole["change"],
        below=whole["change"] - whole["change_low"],
    )
    figure: Figure = px.line(
        points,
        x="strategy",
        y="change",
        color="verifier",
        error_y="above",
        error_y_minus="below",
        markers=True,
        labels={"strategy": "selection", "change": "change in-domain"},
    )
    figure.update_yaxes(tickformat="+.0%")
    return figure
