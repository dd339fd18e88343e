"""What `compare` and `ablate` report."""

import pandera.pandas as pa

from pivotrl_pipeline.records.tables.base import Table
from pivotrl_pipeline.records.tables.evaluation import SHARE, SUITES


class GridCells(Table):
    """One training of a grid a row."""

    cell: str = pa.Field(unique=True, description="Method, variant and seed.")
    method: str = pa.Field(description="By its name in the grid.")
    variant: int = pa.Field(ge=0, description="0-based, of the method.")
    seed: int = pa.Field(ge=0, description="Of the training.")
    settings: str = pa.Field(
        description="JSON object: what took the place of the trainer's parameters."
    )
    validation_success: float = pa.Field(
        in_range=SHARE, description="On what chooses the variant; reports nothing."
    )
    in_domain: float = pa.Field(in_range=SHARE, description="Mean score.")
    out_of_domain: float = pa.Field(
        in_range=SHARE, nullable=True, description="Mean score; null if none was asked."
    )
    num_updates: int = pa.Field(ge=1, description="That were made.")
    rollout_turns: int = pa.Field(ge=0, description="Actions sampled by updates.")
    profiling_turns: int = pa.Field(
        ge=0, description="Actions sampled to select pivots, before and in training."
    )
    tokens_forwarded: int = pa.Field(
        ge=0, description="Tokens through the policy when updating."
    )
    seconds: float = pa.Field(ge=0, description="Wall time of sampling and updating.")
    profiling_seconds: float = pa.Field(
        ge=0, description="Wall time of sampling to select pivots, before training."
    )


class GridCurves(Table):
    """One measurement of one training a row; the first is of the initial policy."""

    num_updates: int = pa.Field(ge=0, description="Made before it.")
    rollout_turns: int = pa.Field(ge=0, description="Actions sampled by them.")
    profiling_turns: int = pa.Field(
        ge=0, description="Actions sampled so far to select pivots."
    )
    seconds: float = pa.Field(
        ge=0, description="Wall time of sampling and updating so far."
    )
    profiling_seconds: float = pa.Field(
        ge=0, description="Wall time of sampling to select pivots, before training."
    )
    validation_success: float = pa.Field(
        in_range=SHARE,
        description="Share of validation tasks solved, or mean reward at held-out "
        "turns; greedy.",
    )
    cell: str = pa.Field(description="Method, variant and seed.")
    method: str = pa.Field(description="By its name in the grid.")
    variant: int = pa.Field(ge=0, description="0-based, of the method.")


class GridContrast(Table):
    """A weighted sum of policies' scores in one suite and task a row."""

    suite: str = pa.Field(isin=SUITES, description="Which family of tasks.")
    task: str = pa.Field(description="Kind of item within the suite, or `mean`.")
    num_seeds: int = pa.Field(ge=1, description="Trainings of each cell or method.")
    num_items: int = pa.Field(ge=1, description="Items that the mean is over.")
    change: float = pa.Field(description="Difference of mean scores.")
    change_low: float = pa.Field(
        description="Lower end of the bootstrap interval over seeds and items."
    )
    change_high: float = pa.Field(description="Its upper end.")


class ComparisonSummary(GridContrast):
    """One method less another in one suite and task a row."""

    method: str = pa.Field(description="By its name in the grid.")
    less: str = pa.Field(description="Another method, or `initial`.")
    variant: int = pa.Field(ge=0, description="Of the method: the best on validation.")


class ComparisonTurns(Table):
    """One level of success and method a row."""

    level: float = pa.Field(description="Validation success.")
    method: str = pa.Field(description="By its name in the grid.")
    turns: float = pa.Field(
        ge=0, nullable=True, description="Rollout turns to it; null if never."
    )
    turns_with_profiling: float = pa.Field(
        ge=0, nullable=True, description="The same with the turns that chose pivots."
    )
    seconds: float = pa.Field(
        ge=0, nullable=True, description="Wall time to it; null if never."
    )
    seconds_with_profiling: float = pa.Field(
        ge=0, nullable=True, description="The same with the profile before training."
    )


class AblationSummary(GridContrast):
    """One cell less the initial policy, or the interaction, a row a suite and task."""

    contrast: str = pa.Field(
        isin=["change", "interaction"], description="Which of the two."
    )
    cell: str = pa.Field(description="Verifier and strategy.")
