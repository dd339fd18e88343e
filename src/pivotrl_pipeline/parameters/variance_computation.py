"""Parameters of the `variance_computation` pipeline."""

from pydantic import BaseModel, ConfigDict, Field

from pivotrl_pipeline.parameters.verifiers import VerifierParameters


class VarianceComputationParameters(BaseModel):
    """Which verifiers judge every rollout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verifiers: dict[str, VerifierParameters] = Field(min_length=1)
    """By the name that stands in `verdicts.verifier`; all of them are stored."""
