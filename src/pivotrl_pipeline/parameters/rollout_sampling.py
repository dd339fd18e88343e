"""Parameters of the `rollout_sampling` pipeline."""

from pydantic import Field, field_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters


class RolloutSamplingParameters(FrozenParameters):
    """How the frozen initial policy is sampled at every candidate."""

    num_rollouts: int
    """K, actions per candidate; at least 2."""
    temperature: float = Field(gt=0)
    """Of the distribution sampled from."""
    top_p: float = Field(gt=0, le=1)
    """Nucleus mass; 1 keeps the whole distribution."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per action."""
    max_prompt_tokens: int = Field(ge=1)
    """Candidates with a longer state become rollouts with an error."""
    seed: int = Field(ge=0)
    """Each sample derives its own seed from this, its candidate and its index."""

    @field_validator("num_rollouts")
    @classmethod
    def _check_num_rollouts(cls, value: int) -> int:
        if value < 2:
            raise ConfigurationError(
                f"rollout_sampling.num_rollouts is {value}, but outcomes vary only "
                f"between two or more rollouts, so no turn could be a pivot; set it to "
                f"8 or 16."
            )
        return value
