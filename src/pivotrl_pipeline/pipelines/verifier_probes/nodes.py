"""Node of the verifiers' probes."""

import pandas as pd

from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.selection.probe_report import report_probes
from pivotrl_pipeline.selection.strategies import SelectionRule
from pivotrl_pipeline.verifiers.build import build_verifiers


def probe_verifiers(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    verifier_parameters: VarianceComputationParameters,
    selection: PivotSelectionParameters,
) -> pd.DataFrame:
    """`verifier_probe_report`: short cuts beside honest actions."""
    return report_probes(
        build_verifiers(verifier_parameters.verifiers),
        trajectories,
        pivot_candidates,
        reward_statistics,
        rule=SelectionRule(**selection.model_dump(exclude={"verifier"})),
    )
