"""Parameters of the `compare` and `ablate` pipelines: which cells there are."""

from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, model_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters, check_keys
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.parameters.sft import SFTParameters

T = TypeVar("T")


def _check_distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    repeated = [each for each in dict.fromkeys(values) if values.count(each) > 1]
    if repeated:
        raise ConfigurationError(
            f"{repeated[0]!r} is listed more than once, and a training has the same "
            f"name and result each time; list it once."
        )
    return values


Distinct: TypeAlias = Annotated[
    tuple[T, ...], Field(min_length=1), AfterValidator(_check_distinct)
]
"""One or more values, each of them once."""
Trainer: TypeAlias = Literal["sft", "rl_update", "e2e"]
JudgedOn: TypeAlias = Literal["tasks", "turns"]
"""What in-domain figures are: `tasks`, success in the environment that the trajectories
name; `turns`, the greedy reward on turns of held-out tasks, which needs none."""
Settings: TypeAlias = dict[str, bool | int | float | str]
"""Fields of the trainer's parameters, with the values they take instead."""

_TURNS_BY_TRAINER: dict[Trainer, tuple[str | None, ...]] = {
    "sft": ("pivot_candidates", "pivots"),
    "rl_update": ("pivots",),
    "e2e": (None,),
}
_PARAMETERS_BY_TRAINER: dict[Trainer, type[FrozenParameters]] = {
    "sft": SFTParameters,
    "rl_update": RLUpdateParameters,
    "e2e": E2EParameters,
}


class MethodParameters(FrozenParameters):
    """One way to train, tried in several variants."""

    trainer: Trainer
    """The pipeline whose node trains."""
    turns: Literal["pivot_candidates", "pivots"] | None
    """The table of turns that are trained on: `sft` takes either, `rl_update` pivots,
    and `e2e` none, since it takes whole episodes."""
    settings: Settings
    """Of all variants."""
    variants: tuple[Settings, ...] = Field(min_length=1)
    """What is tuned; the best by validation success is the method's."""

    @model_validator(mode="after")
    def _check_turns(self) -> "MethodParameters":
        choices = _TURNS_BY_TRAINER[self.trainer]
        if self.turns not in choices:
            raise ConfigurationError(
                f"A method of the trainer {self.trainer!r} has the turns "
                f"{self.turns!r}; expected {' or '.join(map(repr, choices))}."
            )
        return self

    @model_validator(mode="after")
    def _check_names(self) -> "MethodParameters":
        model = _PARAMETERS_BY_TRAINER[self.trainer]
        for variant in self.variants:
            check_keys([*self.settings, *variant], model)
        return self


class CompareParameters(FrozenParameters):
    """Methods side by side."""

    seeds: Distinct[int]
    """Each cell is trained once per seed."""
    judged_on: JudgedOn
    """With `turns`, half of the held-out tasks say which variant is best and the other
    half report; methods that need an environment are left out."""
    validation_tasks: int = Field(ge=1)
    """Tasks per tier on which variants are chosen; as many others are tried as each
    training goes on. No method is evaluated on either."""
    fresh_seed: int = Field(ge=0)
    """Of the samples that pivots are looked at again with; not the profile's."""
    methods: dict[str, MethodParameters]
    """By name; the first is compared with each of the others."""

    @property
    def trained_methods(self) -> dict[str, MethodParameters]:
        """Those that can be trained on what there is."""
        return {
            name: method
            for name, method in self.methods.items()
            if self.judged_on == "tasks" or method.trainer != "e2e"
        }

    @property
    def left_out_methods(self) -> tuple[str, ...]:
        """The others."""
        return tuple(name for name in self.methods if name not in self.trained_methods)

    @model_validator(mode="after")
    def _check_that_something_is_trained(self) -> "CompareParameters":
        if not self.trained_methods:
            raise ConfigurationError(
                f"compare.judged_on is {self.judged_on!r}, so methods that need an "
                f"environment are left out, and no other is in compare.methods; list "
                f"one of the trainer 'rl_update' or 'sft'."
            )
        return self

    @model_validator(mode="after")
    def _check_equal_tuning(self) -> "CompareParameters":
        counts = {name: len(each.variants) for name, each in self.methods.items()}
        if len(set(counts.values())) > 1:
            raise ConfigurationError(
                f"compare.methods have different numbers of variants ({counts}); give "
                f"each as many: a method that is tuned more looks better."
            )
        return self


class AblateParameters(FrozenParameters):
    """Verifiers crossed with selections."""

    seeds: Distinct[int]
    """Each cell is trained once per seed."""
    judged_on: JudgedOn
    """With `turns`, half of the held-out tasks is reported on and never looked at."""
    verifiers: Distinct[str]
    """Names in `variance_computation.verifiers`."""
    strategies: Distinct[Literal["all", "mixed", "low_mean"]]
    """Of selection."""
    settings: Settings
    """Of the update in every cell."""

    @model_validator(mode="after")
    def _check_names(self) -> "AblateParameters":
        check_keys(self.settings, RLUpdateParameters)
        return self
