"""Parameters of the `variance_computation` pipeline."""

from pydantic import Field

from pivotrl_pipeline.parameters.base import FrozenParameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters


class VarianceComputationParameters(FrozenParameters):
    """Which verifiers judge every rollout."""

    verifiers: dict[str, VerifierParameters] = Field(min_length=1)
    """By the name that stands in `verdicts.verifier`; all of them are stored."""
