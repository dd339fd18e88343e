import json
from typing import Any

import pytest

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import ToolCallParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.tool_call import ToolCallVerifier

BOOK = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "guests": {"type": "integer"},
        "query": {"type": "string"},
    },
    "required": ["city"],
}
FREE = {"type": "object", "properties": {"a": {"type": "string"}}}


def _tool(name: str, parameters: Any) -> Tool:
    return Tool(
        name,
        {"type": "function", "function": {"name": name, "parameters": parameters}},
    )


STATE = State((), (_tool("book", BOOK), _tool("find", BOOK), _tool("free", FREE)))


def _verifier(scoring: str = "strict") -> ToolCallVerifier:
    return ToolCallVerifier(
        ToolCallParameters.model_validate(
            {
                "kind": "tool_call",
                "scoring": scoring,
                "strings": {"kind": "trimmed"},
                "arguments": [
                    {
                        "tool": "*",
                        "argument": "query",
                        "comparator": {
                            "kind": "similarity",
                            "measure": "rouge_l",
                            "threshold": 0.6,
                        },
                    }
                ],
            }
        )
    )


def _calls(*calls: tuple[str, Any]) -> Action:
    return Action(
        tool_calls=tuple(
            make_tool_call(
                name, arguments if isinstance(arguments, str) else json.dumps(arguments)
            )
            for name, arguments in calls
        )
    )


def test_demonstration_that_breaks_its_schema_still_judges_others() -> None:
    demonstrated = _calls(("book", {"city": "Paris", "guests": None}))

    itself = _verifier().verify(STATE, demonstrated, demonstrated)
    other = _verifier().verify(STATE, demonstrated, _calls(("book", {"city": "Paris"})))

    assert itself.reason is VerdictReason.SCHEMA_VIOLATION
    assert other.reason is VerdictReason.ARGUMENT_MISMATCH


def test_unknown_tool_is_told_from_a_wrong_one() -> None:
    demonstrated = _calls(("book", {"city": "Paris"}))

    unknown = _verifier().verify(STATE, demonstrated, _calls(("buy", {})))
    wrong = _verifier().verify(STATE, demonstrated, _calls(("find", {"city": "Paris"})))

    assert unknown == Verdict(0.0, VerdictReason.UNKNOWN_TOOL, "buy")
    assert wrong == Verdict(0.0, VerdictReason.WRONG_TOOL, "find")


def test_without_any_tools_calls_are_compared_as_json() -> None:
    state = State((), ())
    demonstrated = _calls(("book", {"n": 10, "who": "Ann"}))

    same = _verifier().verify(
        state, demonstrated, _calls(("book", {"who": "Ann", "n": 10.0}))
    )
    other = _verifier().verify(state, demonstrated, _calls(("book", {"who": "Ann"})))

    assert same.reward == 1.0
    assert other.reason is VerdictReason.ARGUMENT_MISMATCH


def test_talk_for_a_call_fails_and_text_beside_a_call_is_ignored() -> None:
    demonstrated = _calls(("book", {"city": "Paris"}))
    with_text = Action("On it!", demonstrated.tool_calls)

    talk = _verifier().verify(STATE, demonstrated, Action("I book Paris."))

    assert talk == Verdict(0.0, VerdictReason.CALL_EXPECTED)
    assert _verifier().verify(STATE, demonstrated, with_text).reward == 1.0


def test_demonstrated_message_is_an_error_of_the_configuration() -> None:
    with pytest.raises(VerifierError, match="by_action_type"):
        _verifier().verify(STATE, Action("Hello"), Action("Hello"))


PARIS = ("book", {"city": "Paris"})
ROME = ("book", {"city": "Rome"})
OSLO = ("find", {"city": "Oslo"})


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "strict", "fraction", "f1", "reason"),
    [
        # k matched of n demonstrated and m sampled: k/max(n, m) and 2k/(n + m)
        ([PARIS, OSLO], [OSLO, PARIS], 1, 1, 1, VerdictReason.EQUIVALENT),
        ([PARIS, OSLO], [PARIS], 0, 1 / 2, 2 / 3, VerdictReason.MISSING_CALL),
        ([PARIS], [PARIS, OSLO], 0, 1 / 2, 2 / 3, VerdictReason.SURPLUS_CALL),
        ([PARIS], [PARIS, PARIS], 0, 1 / 2, 2 / 3, VerdictReason.SURPLUS_CALL),
        ([PARIS, OSLO], [PARIS, ROME], 0, 1 / 2, 1 / 2, VerdictReason.MISSING_CALL),
        (
            [PARIS, ROME],
            [PARIS, PARIS],
            0,
            1 / 2,
            1 / 2,
            VerdictReason.ARGUMENT_MISMATCH,
        ),
        ([PARIS], [PARIS] + [OSLO] * 4, 0, 1 / 5, 1 / 3, VerdictReason.SURPLUS_CALL),
        ([PARIS], [ROME], 0, 0, 0, VerdictReason.ARGUMENT_MISMATCH),
    ],
)
def test_several_calls_are_scored_as_a_multiset(
    demonstrated: Any,
    sampled: Any,
    strict: float,
    fraction: float,
    f1: float,
    reason: VerdictReason,
) -> None:
    verdicts = [
        _verifier(scoring).verify(STATE, _calls(*demonstrated), _calls(*sampled))
        for scoring in ("strict", "fraction", "f1")
    ]

    assert [verdict.reward for verdict in verdicts] == pytest.approx(
        [strict, fraction, f1]
    )
    assert {verdict.reason for verdict in verdicts} == {reason}


def test_fuzzy_calls_are_matched_so_that_most_find_a_partner() -> None:
    # ROUGE-L at least 0.6: the first demonstrated query fits both sampled ones (6/8 and
    # 6/7), the second only the first (8/9; 4/8): a greedy choice would strand it.
    demonstrated = _calls(
        ("find", {"city": "Rome", "query": "kilo lima mike november"}),
        ("find", {"city": "Rome", "query": "kilo lima mike xray yankee"}),
    )
    sampled = _calls(
        ("find", {"city": "Rome", "query": "kilo lima mike xray"}),
        ("find", {"city": "Rome", "query": "lima mike november"}),
    )

    assert _verifier().verify(STATE, demonstrated, sampled).reward == 1.0


@pytest.mark.parametrize("scoring", ["strict", "fraction", "f1"])
def test_one_forbidden_call_costs_the_whole_action(scoring: str) -> None:
    demonstrated = _calls(PARIS)
    sampled = _calls(PARIS, ("book", {"city": 3}))

    verdict = _verifier(scoring).verify(STATE, demonstrated, sampled)

    assert verdict.reward == 0.0
    assert verdict.reason is VerdictReason.SCHEMA_VIOLATION
    assert verdict.detail == "book: city: 3 is of type integer, expected string"


def test_spray_of_calls_is_refused_without_comparing_them() -> None:
    verdict = _verifier("f1").verify(STATE, _calls(PARIS), _calls(*[PARIS] * 102))

    assert verdict == Verdict(0.0, VerdictReason.SURPLUS_CALL, "102 calls")


def test_tools_are_found_again_after_their_schema_changed() -> None:
    strict_tool = {"type": "object", "properties": {}, "additionalProperties": False}
    verifier = _verifier()
    action = _calls(("free", {"b": 1}))

    open_verdict = verifier.verify(STATE, action, action)
    closed_verdict = verifier.verify(
        State((), (_tool("free", strict_tool),)), action, action
    )

    assert open_verdict.reward == 1.0
    assert closed_verdict.reason is VerdictReason.SCHEMA_VIOLATION


def test_broken_schema_ends_in_an_error_that_names_the_tool() -> None:
    state = State((), (_tool("free", {"type": "objet"}),))
    action = _calls(("free", {}))

    with pytest.raises(VerifierError, match="free has the unknown type 'objet'"):
        _verifier().verify(state, action, action)
