import pytest

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.records.messages import Action, ActionType, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.composition import (
    ByActionTypeVerifier,
    ByDomainVerifier,
    ExtremeOfVerifier,
)

STATE = State((), (), domain="airline")
TALK = Action("Hello")
CALL = Action(tool_calls=(make_tool_call("find", "{}"),))
YES = Verdict(1.0, VerdictReason.EQUIVALENT)
HALF = Verdict(0.5, VerdictReason.SURPLUS_CALL)
NO = Verdict(0.0, VerdictReason.ARGUMENT_MISMATCH)
UNKNOWN = Verdict(None, VerdictReason.NOT_JUDGED)


class FixedVerifier:
    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return self.verdict


class UnusedVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        raise AssertionError("not to be asked")


def test_demonstrated_type_chooses_the_verifier() -> None:
    verifier = ByActionTypeVerifier(
        {
            ActionType.TOOL_CALL: FixedVerifier(YES),
            ActionType.MESSAGE: FixedVerifier(NO),
        }
    )

    assert verifier.verify(STATE, CALL, CALL) == YES
    assert verifier.verify(STATE, TALK, TALK) == NO


def test_talk_and_calls_never_stand_for_each_other() -> None:
    verifier = ByActionTypeVerifier(dict.fromkeys(ActionType, UnusedVerifier()))

    assert verifier.verify(STATE, CALL, TALK).reason is VerdictReason.CALL_EXPECTED
    assert verifier.verify(STATE, TALK, CALL).reason is VerdictReason.MESSAGE_EXPECTED


def test_domain_chooses_before_the_star() -> None:
    by_name = ByDomainVerifier({"airline": FixedVerifier(YES), "*": UnusedVerifier()})
    by_star = ByDomainVerifier({"retail": UnusedVerifier(), "*": FixedVerifier(NO)})

    assert by_name.verify(STATE, TALK, TALK) == YES
    assert by_star.verify(STATE, TALK, TALK) == NO


def test_domain_without_a_verifier_is_an_error_with_a_hint() -> None:
    verifier = ByDomainVerifier({"airlines": UnusedVerifier()})

    with pytest.raises(VerifierError, match=r"'airline'.*Did you mean 'airlines'"):
        verifier.verify(STATE, TALK, TALK)


@pytest.mark.parametrize(
    ("verdicts", "smallest", "largest"),
    [
        ([YES, HALF], HALF, YES),
        ([YES, NO], NO, YES),
        ([YES, UNKNOWN], UNKNOWN, YES),
        ([NO, UNKNOWN], NO, UNKNOWN),
        ([HALF, UNKNOWN], UNKNOWN, UNKNOWN),
        ([NO, HALF], NO, HALF),
    ],
)
def test_all_of_takes_the_smallest_and_any_of_the_largest(
    verdicts: list[Verdict], smallest: Verdict, largest: Verdict
) -> None:
    verifiers = [FixedVerifier(verdict) for verdict in verdicts]

    all_of = ExtremeOfVerifier(verifiers, decisive=0.0)
    any_of = ExtremeOfVerifier(verifiers, decisive=1.0)
    all_reversed = ExtremeOfVerifier(verifiers[::-1], decisive=0.0)
    any_reversed = ExtremeOfVerifier(verifiers[::-1], decisive=1.0)

    assert all_of.verify(STATE, TALK, TALK) == smallest
    assert any_of.verify(STATE, TALK, TALK) == largest
    assert all_reversed.verify(STATE, TALK, TALK) == smallest
    assert any_reversed.verify(STATE, TALK, TALK) == largest


@pytest.mark.parametrize(("decisive", "verdict"), [(0.0, NO), (1.0, YES)])
def test_a_decided_question_asks_nobody_else(decisive: float, verdict: Verdict) -> None:
    verifier = ExtremeOfVerifier(
        [FixedVerifier(verdict), UnusedVerifier()], decisive=decisive
    )

    assert verifier.verify(STATE, TALK, TALK) == verdict
