"""Nodes of stage 4."""

import pandas as pd

from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.selection import pivots as selection
from pivotrl_pipeline.selection.strategies import make_rule


def select_pivots(
    pivot_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    parameters: PivotSelectionParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`pivots` and `selection_report`."""
    return selection.select_pivots(
        pivot_candidates,
        trajectories,
        reward_statistics,
        verifier=parameters.verifier,
        rule=make_rule(parameters),
    )
