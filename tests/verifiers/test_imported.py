import sys
from dataclasses import dataclass
from threading import Thread
from types import ModuleType
from typing import Literal

import pytest

from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.imported import load_verifier

STATE = State((), ())
HELLO, BYE = Action("Hello"), Action("Bye")


def same_length(
    state: State, demonstrated_action: Action, action: Action, *, tolerance: int
) -> bool:
    difference = len(demonstrated_action.content or "") - len(action.content or "")
    return abs(difference) <= tolerance


def constant(
    state: State, demonstrated_action: Action, action: Action, value: object
) -> object:
    return value


@dataclass
class FirstLetter:
    case: Literal["keep", "fold"]

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        left, right = demonstrated_action.content or "", action.content or ""
        if self.case == "fold":
            left, right = left.lower(), right.lower()
        if left[:1] == right[:1]:
            return Verdict(1.0, VerdictReason.EQUIVALENT)
        return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, "another first letter")


class WithoutVerify:
    pass


class NeedsThread:
    def __init__(self, thread: Thread) -> None:
        raise AssertionError("its arguments cannot be given in YAML")


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_project")
    for each in (same_length, constant, FirstLetter, WithoutVerify, NeedsThread):
        setattr(module, each.__name__, each)
    module.NUMBER = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_project", module)


def test_function_answers_with_a_reward() -> None:
    verifier = load_verifier("my_project.same_length", {"tolerance": 1})

    assert verifier.verify(STATE, HELLO, Action("Hell")) == Verdict(
        1.0, VerdictReason.EQUIVALENT
    )
    assert verifier.verify(STATE, HELLO, BYE) == Verdict(0.0, VerdictReason.REFUSED)


def test_class_is_made_with_typed_arguments() -> None:
    verifier = load_verifier("my_project:FirstLetter", {"case": "fold"})

    assert verifier.verify(STATE, HELLO, Action("hi")).reward == 1.0
    assert verifier.verify(STATE, HELLO, BYE).detail == "another first letter"


def test_arguments_are_converted_to_the_declared_type() -> None:
    verifier = load_verifier("my_project.same_length", {"tolerance": "2"})

    assert verifier.verify(STATE, HELLO, BYE).reward == 1.0


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.25, Verdict(0.25, VerdictReason.REFUSED)),
        (1, Verdict(1.0, VerdictReason.EQUIVALENT)),
    ],
)
def test_bare_number_gets_a_reason(value: float, verdict: Verdict) -> None:
    verifier = load_verifier("my_project.constant", {"value": value})

    assert verifier.verify(STATE, HELLO, HELLO) == verdict


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), "yes", None])
def test_answer_that_is_no_reward_is_an_error(value: object) -> None:
    verifier = load_verifier("my_project.constant", {"value": value})

    with pytest.raises(VerifierError, match=r"my_project\.constant"):
        verifier.verify(STATE, HELLO, HELLO)


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("same_length", {}, "expected a module and a name"),
        ("my_projekt.same_length", {}, "no module 'my_projekt'"),
        ("my_project.same_lenght", {}, "Did you mean 'same_length'"),
        ("my_project.NUMBER", {}, "expected a function or a class"),
        ("my_project.WithoutVerify", {}, "without the method verify"),
        ("my_project.same_length", {}, "missing a required .*'tolerance'"),
        (
            "my_project.same_length",
            {"tolerence": 1},
            "no argument 'tolerence'.*Did you mean 'tolerance'",
        ),
        ("my_project.same_length", {"tolerance": "few"}, "'tolerance' is 'few'"),
        ("my_project.NeedsThread", {"thread": 1}, "which no YAML value can be"),
        ("my_project.FirstLetter", {"case": "upper"}, "'keep' or 'fold'"),
    ],
)
def test_wrong_reference_is_refused_with_its_remedy(
    path: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_verifier(path, arguments)
