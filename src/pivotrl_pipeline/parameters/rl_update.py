"""Parameters of the `rl_update` pipeline."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.parameters.base import FrozenParameters
from pivotrl_pipeline.parameters.learner import LearnerParameters


class ObjectiveParameters(FrozenParameters):
    """The choices behind the word GRPO that engines disagree on."""

    baseline: Literal["group_mean", "leave_one_out"]
    """What a reward is compared with: the mean of its group, or of the others in it."""
    std_scope: Literal["group", "batch", "none"]
    """Whose standard deviation divides the advantage. `group`: of the rewards that the
    baseline is the mean of; `batch`: of all rewards of the update; `none`: nobody's."""
    std_ddof: Literal[0, 1]
    """0: population standard deviation; 1: sample standard deviation."""
    std_epsilon: float = Field(ge=0)
    """Added to the standard deviation, in reward."""
    clip_low: float = Field(gt=0, lt=1)
    """The ratio is clipped below 1 - clip_low."""
    clip_high: float = Field(gt=0)
    """The ratio is clipped above 1 + clip_high."""
    kl_beta: float = Field(ge=0)
    """Weight of KL(policy || reference policy); 0 needs no reference policy."""
    kl_estimator: Literal["k1", "k2", "k3"]
    """Schulman's estimators of that KL from one sampled token."""
    kl_times_ratio: bool
    """True multiplies the estimate by the ratio, so that its gradient is the gradient
    of the KL in the direction named; without it k3 descends the reverse KL."""
    aggregation: Literal["sequence_mean", "token_mean", "constant"]
    """How token losses become one number. `sequence_mean`: mean over an action's
    tokens, then over actions; `token_mean`: over all tokens of the update;
    `constant`: sum divided by actions x max_new_tokens (Dr. GRPO)."""

    @model_validator(mode="after")
    def _refuse_a_kl_term_without_gradient(self) -> "ObjectiveParameters":
        if self.kl_beta > 0 and self.kl_estimator == "k1" and not self.kl_times_ratio:
            raise ConfigurationError(
                "kl_estimator is 'k1' with kl_times_ratio false: its gradient is zero "
                "on average, whatever kl_beta; set kl_times_ratio to true, or "
                "kl_estimator to 'k2' or 'k3'."
            )
        return self


class GRPOParameters(LearnerParameters):
    """What updates share, whether they sample single actions or whole episodes."""

    section: ClassVar[str]
    """Where these values stand in the parameters."""

    objective: str
    """The name of one of the presets below."""
    objective_presets: dict[str, ObjectiveParameters]
    """Objectives by name; add one to try another."""
    num_updates: int = Field(ge=1)
    """Batches of fresh rollouts."""
    group_size: int = Field(ge=2)
    """G, actions per pivot or episodes per task; with one every advantage is 0."""
    epochs_per_update: int = Field(ge=1)
    """Optimiser steps on one batch; from the second on the clipping acts."""
    temperature: float = Field(gt=0)
    """Of the distribution sampled from, and of the log-probabilities in the loss."""
    top_p: float = Field(gt=0, le=1)
    """Nucleus mass when sampling; 1 keeps the whole distribution."""
    max_new_tokens: int = Field(ge=1)
    """Tokens per action."""
    validation_tier: str
    """Of the environment that the trajectories name."""
    validation_tasks: int = Field(ge=0)
    """Tasks of that tier, neither trained nor evaluated on, that the policy tries
    greedily where it is measured; 0: none, and no environment is needed for them."""
    keep: Literal["best", "last"]
    """Which weights become the trained policy: those that did best where they were
    measured (the initial ones included), or the last ones."""

    @property
    def objective_parameters(self) -> ObjectiveParameters:
        """The preset that ``objective`` names."""
        return self.objective_presets[self.objective]

    @model_validator(mode="after")
    def _check_objective(self) -> Self:
        if self.objective not in self.objective_presets:
            choices = describe_choices(self.objective, self.objective_presets)
            raise ConfigurationError(
                f"{self.section}.objective is {self.objective!r}, which is not among "
                f"{self.section}.objective_presets; {choices}"
            )
        return self


class RLUpdateParameters(GRPOParameters):
    """Single-turn GRPO on pivots."""

    section: ClassVar[str] = "rl_update"

    pivots_per_update: int = Field(ge=1)
    """Rollout groups in an update."""
    easy_turn_rate: float = Field(ge=0, lt=1)
    """Share of an update's groups drawn from training turns that are no pivots."""
    heldout_every: int = Field(ge=1)
    """Updates between two measurements on held-out turns and validation tasks."""
    heldout_turns: int = Field(ge=0)
    """Validation turns of all kinds, pivots or not, whose greedy reward says which
    weights are best; 0: none."""
    reprofile_below: float = Field(ge=0, le=1)
    """Pivots are selected again, with the policy as it is then and the rule of
    `pivot_selection`, when the mean share of informative groups falls below this; 0:
    never."""
    reprofile_window: int = Field(ge=1)
    """Updates that this mean is over, all of them since the last selection."""
    reprofile_candidates: int = Field(ge=0)
    """Training candidates at which as many actions are sampled for it as an update
    samples at a pivot; drawn anew each time; 0: all of them."""

    @model_validator(mode="after")
    def _check_what_is_best(self) -> Self:
        if self.keep == "best" and self.heldout_turns == 0:
            raise ConfigurationError(
                "rl_update.keep is 'best', but rl_update.heldout_turns is 0, so "
                "nothing says which weights are best; set heldout_turns to 1 or more, "
                "or keep to 'last'."
            )
        return self
