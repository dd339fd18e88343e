"""The profile of a policy: how often it is right, turn by turn."""

from typing import TYPE_CHECKING

import pandas as pd

from pivotrl_pipeline.selection.strategies import VARIANCE_TOLERANCE

if TYPE_CHECKING:
    from plotly.graph_objs._figure import Figure


def render_regression(
    kept: pd.DataFrame, fresh: pd.DataFrame, *, threshold: float
) -> str:
    """How the kept pivots look on fresh samples, as Markdown.

    Args:
        kept: Their `reward_statistics` in the profile, by ``candidate_id``.
        fresh: Those of fresh samples of the same policy.
        threshold: The mean below which selection keeps a turn.
    """
    measured = [_measure(table, threshold) for table in (kept, fresh)]
    lines = [
        "## The kept pivots on fresh samples",
        "",
        f"{len(kept):,} pivots, sampled again with another seed.",
        "",
        "| | profile | fresh |",
        "|---|--:|--:|",
        *(
            f"| {name} | {measured[0][name]} | {measured[1][name]} |"
            for name in measured[0]
        ),
    ]
    return "\n".join(lines) + "\n"


def _measure(statistics: pd.DataFrame, threshold: float) -> dict[str, str]:
    means, variances = statistics["reward_mean"], statistics["reward_variance"]
    varies = variances > VARIANCE_TOLERANCE
    return {
        "mean of the reward means": f"{means.mean():.3f}",
        "share with variance": f"{varies.mean():.1%}",
        f"share with a mean below {threshold:g}": f"{(means < threshold).mean():.1%}",
    }


def draw_profile(
    profiled: pd.DataFrame, kept: pd.DataFrame, fresh: pd.DataFrame
) -> "Figure":
    """Histograms of the reward mean: all turns, the pivots, the pivots afresh."""
    import plotly.express as px

    named = {"all turns": profiled, "pivots": kept, "pivots, fresh samples": fresh}
    means = pd.concat(
        [table[["reward_mean"]].assign(turns=name) for name, table in named.items()],
        ignore_index=True,
    )
    figure: Figure = px.histogram(
        means,
        x="reward_mean",
        color="turns",
        barmode="overlay",
        labels={"reward_mean": "reward mean of a turn's samples"},
    )
    return figure
