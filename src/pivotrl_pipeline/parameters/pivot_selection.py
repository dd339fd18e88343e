"""Parameters of the `pivot_selection` pipeline."""

from typing import Literal

from pydantic import field_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters


class PivotSelectionParameters(FrozenParameters):
    """Which candidates become pivots (paper, Eq. 5)."""

    strategy: Literal["all", "mixed", "low_mean"]
    """`all`: every training turn; `mixed`: variance > 0; `low_mean`: variance > 0 and
    a reward mean below the threshold (the paper's)."""
    verifier: str
    """Whose statistics decide, and whose rewards the update maximises."""
    low_mean_threshold: float
    """Lambda of Eq. 5, in reward."""
    include_threshold: bool
    """True keeps a mean equal to the threshold (NVIDIA's released set); the paper's
    inequality is strict."""
    keep_all_zero: bool
    """True keeps turns that no rollout got right (NVIDIA's released set): a reserve
    that unlocks as the policy improves."""

    @field_validator("low_mean_threshold")
    @classmethod
    def _check_threshold(cls, value: float) -> float:
        if not 0 < value <= 1:
            raise ConfigurationError(
                f"pivot_selection.low_mean_threshold is {value}, but rewards are in "
                f"[0, 1], so a reward mean is never outside; set it above 0 and at "
                f"most 1 (the paper's runs suggest 0.6)."
            )
        return value
