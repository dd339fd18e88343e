"""Parameters of the `sft` pipeline."""

from typing import Literal

from pydantic import Field

from pivotrl_pipeline.parameters.learner import LearnerParameters


class SFTParameters(LearnerParameters):
    """Supervised fine-tuning on recorded turns."""

    num_epochs: int = Field(ge=1)
    """How often each training turn is learnt from."""
    turns_per_update: int = Field(ge=1)
    """Turns in an update; the last one takes what is left."""
    decay_rate: float = Field(ge=0, le=1)
    """Share of all updates, at the end, over which it falls linearly to zero."""
    validation_every: int = Field(ge=1)
    """Updates between two measurements on the validation split."""
    validation_tasks: int = Field(ge=0)
    """Tasks of a tier, neither trained nor evaluated on, that are tried greedily
    whenever the loss is measured, for the record; 0: none, and no environment is
    needed for them."""
    validation_tier: str
    """Of the environment that the trajectories name."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per action: of those tasks, and at most of a demonstrated action."""
    keep: Literal["best", "last"]
    """Which weights become the trained policy: those with the lowest validation loss
    (the initial ones included), or the last ones."""
