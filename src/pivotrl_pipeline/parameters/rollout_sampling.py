"""Parameters of the `rollout_sampling` pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class RolloutSamplingParameters(BaseModel):
    """How the frozen initial policy is sampled at every candidate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_rollouts: int = Field(ge=2)
    """K, actions per candidate; with one action no variance can be seen."""
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
