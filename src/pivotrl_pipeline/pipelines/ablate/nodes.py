"""Nodes of the ablation."""

from collections.abc import Mapping

import pandas as pd

from pivotrl_pipeline.evaluation import comparison
from pivotrl_pipeline.evaluation.results import Suite
from pivotrl_pipeline.parameters.compare import AblateParameters
from pivotrl_pipeline.parameters.ood_evaluation import EvaluationSummaryParameters
from pivotrl_pipeline.pipelines.cells import Cell
from pivotrl_pipeline.pipelines.ood_evaluation.nodes import INITIAL
from pivotrl_pipeline.reporting import ablation as reporting

CHANGE, INTERACTION = "change", "interaction"


def contrast_ablation(
    ablation_results: pd.DataFrame,
    evaluation: EvaluationSummaryParameters,
    parameters: AblateParameters,
    *,
    cells: tuple[Cell, ...],
) -> tuple[pd.DataFrame, str, object]:
    """`ablation_summary`, `ablation_report` and `ablation_figure`.

    The interaction of the last verifier with the last strategy, each against the
    first, is what both do together beyond the sum of what each does alone.
    """
    reported = ablation_results[ablation_results["suite"] != Suite.VALIDATION.value]
    names = {
        method: tuple(cell.name for cell in cells if cell.method == method)
        for method in dict.fromkeys(cell.method for cell in cells)
    }

    def contrast(weights: Mapping[tuple[str, ...], float]) -> pd.DataFrame:
        return comparison.contrast_cells(
            reported,
            weights,
            confidence=evaluation.confidence,
            num_resamples=evaluation.num_resamples,
            seed=evaluation.seed,
        )

    tables = [
        contrast({group: 1.0, (INITIAL,): -1.0}).assign(contrast=CHANGE, cell=method)
        for method, group in names.items()
    ]
    corners = _find_corners(parameters)
    if corners is not None:
        weights = {
            names[corner]: sign
            for corner, sign in zip(corners, (1.0, -1.0, -1.0, 1.0), strict=True)
        }
        tables.append(contrast(weights).assign(contrast=INTERACTION, cell=corners[0]))
    summary = pd.concat(tables, ignore_index=True)
    report = reporting.render_ablation(summary, confidence=evaluation.confidence)
    return summary, report, reporting.draw_ablation(summary, parameters.strategies)


def _find_corners(parameters: AblateParameters) -> tuple[str, str, str, str] | None:
    """Last with last, last with first, first with last, first with first."""
    verifiers, strategies = parameters.verifiers, parameters.strategies
    if len(verifiers) < 2 or len(strategies) < 2:
        return None
    first, last = verifiers[0], verifiers[-1]
    plain, selected = strategies[0], strategies[-1]
    return (
        f"{last}_{selected}",
        f"{last}_{plain}",
        f"{first}_{selected}",
        f"{first}_{plain}",
    )
