import pytest

from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import FinishReason, Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.judging import GuardedVerifier, judge_rollout

STATE = State((), ())
HELLO = Action("Hello")


class GenerousVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return Verdict(1.0, VerdictReason.EQUIVALENT)


class UnusedVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        raise AssertionError("an action that cannot be judged reached the verifier")


def test_action_that_stopped_by_itself_is_judged() -> None:
    verdict = judge_rollout(GenerousVerifier(), STATE, HELLO, HELLO, FinishReason.STOP)

    assert verdict.reward == 1.0


def test_cut_off_action_earns_nothing_even_if_it_parses() -> None:
    verdict = judge_rollout(UnusedVerifier(), STATE, HELLO, HELLO, FinishReason.LENGTH)

    assert verdict == Verdict(0.0, VerdictReason.TRUNCATED_ACTION)


def test_failed_sample_has_no_reward() -> None:
    verdict = judge_rollout(UnusedVerifier(), STATE, HELLO, HELLO, FinishReason.ERROR)

    assert verdict.reward is None
    assert verdict.reason is VerdictReason.NOT_JUDGED


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        (Action(parse_error="unclosed tag <tool_call>"), "unclosed tag <tool_call>"),
        (
            Action(tool_calls=(make_tool_call("find", "[1]"),)),
            "the arguments of 'find' are not a JSON object",
        ),
        (
            Action(tool_calls=(make_tool_call("f", '{"a":' * 150 + "1" + "}" * 150),)),
            "arguments nested more than 100 levels",
        ),
    ],
)
def test_what_is_no_action_never_reaches_a_verifier(
    action: Action, detail: str
) -> None:
    expected = Verdict(0.0, VerdictReason.UNPARSEABLE_ACTION, detail)

    assert GuardedVerifier(UnusedVerifier()).verify(STATE, HELLO, action) == expected
    assert judge_rollout(UnusedVerifier(), STATE, HELLO, action, FinishReason.STOP) == (
        expected
    )


def test_many_brackets_side_by_side_are_not_nesting() -> None:
    wide = Action(tool_calls=(make_tool_call("f", {"a": [[1] for _ in range(200)]}),))

    assert GuardedVerifier(GenerousVerifier()).verify(STATE, wide, wide).reward == 1.0
