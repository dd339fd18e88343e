"""Parameters of the `e2e` pipeline."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.rl_update import GRPOParameters


class E2EParameters(GRPOParameters):
    """Multi-turn GRPO on whole episodes."""

    section: ClassVar[str] = "e2e"

    tasks_per_update: int = Field(ge=1)
    """Groups of episodes in an update."""
    max_prompt_tokens: int = Field(ge=1)
    """An episode whose history grows longer ends there, unsolved."""
    validation_every: int = Field(ge=1)
    """Updates between two measurements on the validation tasks."""

    @model_validator(mode="after")
    def _check_what_is_best(self) -> Self:
        if self.keep == "best" and self.validation_tasks == 0:
            raise ConfigurationError(
                "e2e.keep is 'best', but e2e.validation_tasks is 0, so nothing says "
                "which weights are best; set validation_tasks to 1 or more, or keep to "
                "'last'."
            )
        return self
