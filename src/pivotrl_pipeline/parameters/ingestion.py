"""Parameters of the `ingestion` pipeline."""

from pydantic import Field

from pivotrl_pipeline.parameters.base import FrozenParameters


class IngestionParameters(FrozenParameters):
    """How raw rows become trajectories and candidates."""

    format: str
    """A format of `pivotrl_pipeline.formats`; `detect`: the first row decides."""
    only_successful: bool
    """True leaves out runs that failed, and runs that do not say."""
    validation_rate: float = Field(ge=0, lt=1)
    """Expected share of tasks held out for validation."""
    seed: int = Field(ge=0)
    """Of the split."""
    max_rejected_rate: float = Field(ge=0, le=1)
    """Above this share of faulty rows the run fails."""
