"""Parameters of the `ood_evaluation` pipeline."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters
from pivotrl_pipeline.parameters.comparators import known_kind
from pivotrl_pipeline.parameters.task_folder import TaskFolder


class ReasoningGymSuite(FrozenParameters):
    """Tasks of the package reasoning-gym, scored by its own rules."""

    kind: Literal["reasoning_gym"]
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of its data sets."""
    items_per_task: int = Field(ge=1)
    """The first ones that the seed makes."""
    seed: int = Field(ge=0)
    """Of the items; the same for every policy."""
    instruction: str
    """System message before each question; '' gives none. Of an output with
    `<answer>` tags only what stands between the last ones is scored."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per answer."""


class HarnessSuite(FrozenParameters):
    """Tasks of the lm-evaluation-harness that let the policy write an answer."""

    kind: Literal["lm_eval"]
    tasks: dict[str, str] = Field(min_length=1)
    """The metric in [0, 1] that scores an item, by the task's name; `metric,filter`
    where a task has several filters, as the harness writes it."""
    task_folder: TaskFolder | None
    """Folder with YAML tasks of your own; null where there are none."""
    items_per_task: int | None = Field(ge=1)
    """The first documents of each; null for all."""
    instruction: str
    """System message; '' gives none but the task's."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per answer, where the task does not ask for fewer."""


AnySuite: TypeAlias = ReasoningGymSuite | HarnessSuite
SuiteParameters: TypeAlias = Annotated[
    AnySuite, Field(discriminator="kind"), known_kind("suite", AnySuite)
]


class OodEvaluationParameters(FrozenParameters):
    """What is asked of the initial and of the trained policy, greedily."""

    tiers: tuple[str, ...]
    """Tiers of the order desk; each is a task of the in-domain suite."""
    tasks_per_tier: int = Field(ge=1)
    """Held-out desk tasks per tier."""
    items_per_skill: int = Field(ge=0)
    """Out-of-domain items per family of the skills in the box; 0 asks none."""
    suites: dict[str, SuiteParameters]
    """Out-of-domain suites beside them, by the name that their tasks begin with."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per action or answer."""
    max_prompt_tokens: int = Field(ge=1)
    """An episode whose history grows longer ends there, unsolved."""

    @model_validator(mode="after")
    def _check_that_something_is_asked(self) -> Self:
        if not self.tiers and not self.items_per_skill and not self.suites:
            raise ConfigurationError(
                "ood_evaluation asks nothing: tiers and suites are empty and "
                "items_per_skill is 0; name a tier or a suite, or ask for items."
            )
        return self


class EvaluationSummaryParameters(FrozenParameters):
    """How answers are summed up; no policy is asked again for it."""

    confidence: float = Field(gt=0, lt=1)
    """Of the paired bootstrap intervals."""
    num_resamples: int = Field(ge=100)
    """Bootstrap resamples of the items."""
    seed: int = Field(ge=0)
    """Of the bootstrap."""
    report_folder: str
    """Where `run_summary` goes, to be named at the end of a run."""
