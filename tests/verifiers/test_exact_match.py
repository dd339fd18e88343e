import pytest

from pivotrl_pipeline.parameters.verifiers import ExactMatchParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.exact_match import ExactMatchVerifier

VERIFIER = ExactMatchVerifier(ExactMatchParameters(kind="exact_match"))
STATE = State((), ())


def _call(arguments: str, name: str = "find", call_id: str | None = None) -> Action:
    return Action(tool_calls=(make_tool_call(name, arguments, call_id),))


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        (_call('{"a": 1}'), _call('{ "a" :1 }')),
        (_call('{"a": "\\u00e9"}'), _call('{"a": "é"}')),
        (_call('{"a": 1}', call_id="x"), _call('{"a": 1}', call_id="y")),
        (_call("{}"), Action(tool_calls=_call("{}").tool_calls, reasoning="hm")),
        (Action("Hello"), Action(" Hello\n")),
        (Action(None, _call("{}").tool_calls), Action("", _call("{}").tool_calls)),
    ],
)
def test_same_completion_passes(demonstrated: Action, sampled: Action) -> None:
    assert VERIFIER.verify(STATE, demonstrated, sampled).reward == 1.0


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "reason"),
    [
        (_call('{"a": 1}'), _call('{"a": 1.0}'), "text_mismatch"),
        (_call('{"a": 1}'), _call('{"a": "1"}'), "text_mismatch"),
        (_call('{"a": 1}'), _call('{"a": true}'), "text_mismatch"),
        (_call('{"a": "x"}'), _call('{"a": "X"}'), "text_mismatch"),
        (_call('{"a": "x"}'), _call('{"a": "x "}'), "text_mismatch"),
        (_call('{"a": 1, "b": 2}'), _call('{"b": 2, "a": 1}'), "text_mismatch"),
        (_call('{"a": null}'), _call("{}"), "text_mismatch"),
        (_call('{"a": 1}'), _call("{"), "text_mismatch"),
        (_call("{}"), _call("{}", "found"), "text_mismatch"),
        (_call("{}"), Action("Hi", _call("{}").tool_calls), "text_mismatch"),
        (_call("{}"), Action(None, _call("{}").tool_calls * 2), "text_mismatch"),
        (Action("Hello"), Action("Hello."), "text_mismatch"),
        (Action("Hello"), _call("{}"), "message_expected"),
        (_call("{}"), Action("Hello"), "call_expected"),
    ],
)
def test_any_other_completion_fails(
    demonstrated: Action, sampled: Action, reason: str
) -> None:
    verdict = VERIFIER.verify(STATE, demonstrated, sampled)

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason(reason))
