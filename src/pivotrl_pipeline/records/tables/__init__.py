"""The tables that cross a pipeline's boundary: every column, its unit and meaning.

Attached with the catalog's ``validator:`` key, so each table is checked when it is
written and when it is read. Only the catalog imports this package, and only when a
table is touched: pandera costs a fifth of a second.

Columns are strict. Numbers are never coerced to text or cut to whole numbers; what
another file format may lose without harm (a column of missing values has no type in
CSV, a list is a list of Python numbers in JSON) is restored.
"""

from pivotrl_pipeline.records.tables.base import Table
from pivotrl_pipeline.records.tables.evaluation import (
    EvaluationResults,
    EvaluationSummary,
    TrainingMetrics,
)
from pivotrl_pipeline.records.tables.export import RenderedTurns
from pivotrl_pipeline.records.tables.grids import (
    AblationSummary,
    ComparisonSummary,
    ComparisonTurns,
    GridCells,
    GridContrast,
    GridCurves,
)
from pivotrl_pipeline.records.tables.rollouts import (
    Pivots,
    RewardStatistics,
    Rollouts,
    SamplingCost,
    SelectionReport,
    Verdicts,
)
from pivotrl_pipeline.records.tables.sft import SFTMetrics
from pivotrl_pipeline.records.tables.trajectories import (
    Duplicates,
    PivotCandidates,
    RejectedTrajectories,
    Trajectories,
)
from pivotrl_pipeline.records.tables.verifiers import (
    DemonstrationCheck,
    VerifierProbeReport,
)

__all__ = [
    "AblationSummary",
    "ComparisonSummary",
    "ComparisonTurns",
    "DemonstrationCheck",
    "Duplicates",
    "EvaluationResults",
    "EvaluationSummary",
    "GridCells",
    "GridContrast",
    "GridCurves",
    "PivotCandidates",
    "Pivots",
    "RejectedTrajectories",
    "RenderedTurns",
    "RewardStatistics",
    "Rollouts",
    "SFTMetrics",
    "SamplingCost",
    "SelectionReport",
    "Table",
    "TrainingMetrics",
    "Trajectories",
    "Verdicts",
    "VerifierProbeReport",
]
