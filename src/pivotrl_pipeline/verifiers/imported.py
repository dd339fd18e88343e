"""Verifiers of a user's own, found by their import path."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import cast

from pivotrl_pipeline.errors import (
    ConfigurationError,
    VerifierError,
    describe_choices,
)
from pivotrl_pipeline.parameters.signatures import convert_arguments
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier


class ImportedVerifier:
    """Asks a user's function and holds it to what a verdict may be."""

    def __init__(self, path: str, judge: Callable[..., object]) -> None:
        self._path = path
        self._judge = judge

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The function's verdict; a bare number gets the reason.

        Raises:
            VerifierError: If the function returns neither a verdict nor a reward.
        """
        answer = self._judge(state, demonstrated_action, action)
        if isinstance(answer, Verdict):
            verdict = answer
        elif isinstance(answer, (bool, int, float)):
            is_full = answer == 1
            reason = VerdictReason.EQUIVALENT if is_full else VerdictReason.REFUSED
            verdict = Verdict(float(answer), reason)
        else:
            raise VerifierError(
                f"{self._path} returned {answer!r}; expected a Verdict, a number in "
                "[0, 1], or True or False."
            )
        if verdict.reward is not None and not 0 <= verdict.reward <= 1:
            raise VerifierError(
                f"{self._path} gave a reward of {verdict.reward!r}; expected one in "
                "[0, 1]: scale it."
            )
        return verdict


def load_verifier(path: str, arguments: Mapping[str, object]) -> Verifier:
    """The verifier at an import path, made with ``arguments``.

    Raises:
        ConfigurationError: If nothing stands there, or it cannot be called so.
    """
    target = import_object(path)
    if inspect.isclass(target):
        made = target(**convert_arguments(target, arguments, num_positional=0))
        if not callable(getattr(made, "verify", None)):
            raise ConfigurationError(
                f"{path} is a class without the method verify(state, "
                "demonstrated_action, action); add it or name a function."
            )
        return ImportedVerifier(path, cast("Verifier", made).verify)
    if not callable(target):
        raise ConfigurationError(
            f"{path} is {target!r}; expected a function or a class."
        )
    function = cast("Callable[..., object]", target)
    converted = convert_arguments(function, arguments, num_positional=3)

    def judge(state: State, demonstrated_action: Action, action: Action) -> object:
        return function(state, demonstrated_action, action, **converted)

    return ImportedVerifier(path, judge)


def import_object(path: str) -> object:
    """What stands at ``package.module.name``.

    Raises:
        ConfigurationError: If the module or the name does not exist.
    """
    module_name, _, name = path.replace(":", ".").rpartition(".")
    if not module_name:
        raise ConfigurationError(
            f"The import path is {path!r}; expected a module and a name, such as "
            "my_project.verifiers.same_city."
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{path}: there is no module {error.name!r}; put it into src/, install "
            "the project that holds it or correct the path."
        ) from error
    if not hasattr(module, name):
        public = [each for each in vars(module) if not each.startswith("_")]
        raise ConfigurationError(
            f"{path}: {module_name} has no {name!r}; {describe_choices(name, public)}"
        )
    return cast("object", getattr(module, name))
