from pivotrl_pipeline.parameters.verifiers import ExactMatchParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.exact_match import ExactMatchVerifier
from pivotrl_pipeline.verifiers.self_check import check_demonstrations

VERIFIER = ExactMatchVerifier(ExactMatchParameters(kind="exact_match"))
STATE = State((), ())


def test_turns_that_fail_their_own_verifier_are_named_and_counted() -> None:
    broken = Action(tool_calls=(make_tool_call("find", "{"),))
    turns = [
        ("a#0", STATE, Action("Hi")),
        ("a#1", STATE, broken),
        ("b#0", STATE, broken),
    ]

    check = check_demonstrations(VERIFIER, turns)

    assert check.num_turns == 3
    assert [each.candidate_id for each in check.failing] == ["a#1", "b#0"]
    assert check.num_by_reason == {VerdictReason.UNPARSEABLE_ACTION: 2}


def test_no_turn_fails_where_all_pass() -> None:
    check = check_demonstrations(VERIFIER, [("a#0", STATE, Action("Hi"))])

    assert check.failing == ()
