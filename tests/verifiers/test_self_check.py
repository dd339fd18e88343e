import logging
from dataclasses import replace

import pytest

from fakes import make_candidates, make_trajectory
from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import ExactMatchParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory
from pivotrl_pipeline.verifiers.exact_match import ExactMatchVerifier
from pivotrl_pipeline.verifiers.self_check import (
    FailingDemonstration,
    check_demonstrations,
)

EXACT = ExactMatchVerifier(ExactMatchParameters(kind="exact_match"))
BROKEN = Action(tool_calls=(make_tool_call("look_up", "{"),))


class FussyVerifier:
    """Pays half for any message, and fails on calls."""

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        if action.tool_calls:
            raise VerifierError("judges text alone")
        return Verdict(0.5, VerdictReason.MESSAGE_MISMATCH, "half of it")


def _turns(*demonstrated: Action) -> list[tuple[Trajectory, list[PivotCandidate]]]:
    trajectory = make_trajectory("a", ["Ann", "Bob"])
    candidates = make_candidates(trajectory)[: len(demonstrated)]
    pairs = zip(candidates, demonstrated, strict=True)
    changed = [replace(each, demonstrated_action=action) for each, action in pairs]
    return [(trajectory, changed)]


def test_turns_that_fail_a_verifier_are_named_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = _turns(BROKEN, Action("Hi"), BROKEN)

    failing = check_demonstrations({"exact_match": EXACT}, turns)

    detail = "the arguments of 'look_up' are not a JSON object"
    assert failing == [
        FailingDemonstration(key, "exact_match", 0.0, "unparseable_action", detail)
        for key in ("a#0", "a#2")
    ]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "2 of 3 demonstrated actions fail verifier 'exact_match' "
        "(2 unparseable_action), for example a#0, a#2: no rollout can be right there. "
        "All of them are in `demonstration_check`."
    )


def test_each_verifier_has_its_own_rows_and_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    verifiers = {"exact_match": EXACT, "fussy": FussyVerifier()}

    failing = check_demonstrations(verifiers, _turns(Action("Hi"), Action("Ho")))

    assert failing == [
        FailingDemonstration(key, "fussy", 0.5, "message_mismatch", "half of it")
        for key in ("a#0", "a#1")
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_verifier_that_fails_makes_a_failing_turn_and_ends_nothing() -> None:
    call = Action(tool_calls=(make_tool_call("look_up", {"name": "Ann"}),))

    (failing,) = check_demonstrations({"fussy": FussyVerifier()}, _turns(call))

    assert (failing.reward, failing.reason) == (None, "not_judged")
    assert "judges text alone" in failing.detail


def test_nothing_is_warned_of_where_all_pass(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    assert check_demonstrations({"exact_match": EXACT}, _turns(Action("Hi"))) == []

    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.INFO, "All 1 demonstrated actions pass their verifiers.")
    ]
