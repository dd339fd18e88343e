"""Parameters of the `ood_evaluation` pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class OodEvaluationParameters(BaseModel):
    """What is asked of the initial and of the trained policy, greedily."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiers: tuple[str, ...] = Field(min_length=1)
    """Tiers of the order desk; each is a task of the in-domain suite."""
    tasks_per_tier: int = Field(ge=1)
    """Held-out desk tasks per tier."""
    items_per_skill: int = Field(ge=1)
    """Out-of-domain items per family of skills."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per action or answer."""
    max_prompt_tokens: int = Field(ge=1)
    """An episode whose history grows longer ends there, unsolved."""
    confidence: float = Field(gt=0, lt=1)
    """Of the paired bootstrap interval."""
    num_resamples: int = Field(ge=100)
    """Bootstrap resamples of the items."""
    seed: int = Field(ge=0)
    """Of the bootstrap."""
    report_folder: str
    """Where `run_summary` goes, to be named at the end of a run."""
