from collections import Counter
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import (
    Action,
    ActionType,
    Message,
    Role,
    Tool,
    make_tool_call,
)
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.build import build_verifier
from pivotrl_pipeline.verifiers.probes import PROBES, ProbeTurn
from pivotrl_pipeline.verifiers.probing import ProbeResult, probe_verifier

ADAPTER: TypeAdapter[Any] = TypeAdapter(VerifierParameters)
STATE = State(
    (Message(Role.USER, "Cancel order O12 of Ann and tell me when it is done."),),
    DESK_TOOLS,
)
DEMONSTRATED = [
    *(
        Action(tool_calls=(make_tool_call(name, arguments),))
        for name, arguments in (
            ("cancel_order", {"order_id": "O12"}),
            ("find_customer", {"name": "Ann"}),
            ("place_order", {"customer_id": "C1", "item_id": "I2", "quantity": 2}),
        )
    ),
    Action("Order O12 is cancelled."),
    Action("Which customer do you mean?"),
]
EXAMPLE = yaml.safe_load((parameters.__doc__ or "").split("::", 1)[1])["verifiers"]
NEMO_GYM: dict[str, Any] = {
    "kind": "nemo_gym",
    "word_threshold": 0.1,
    "float_tolerance": 1e-6,
    "parallel_rewarding": False,
    "mode": "binary_strict",
    "allow_subset": False,
    "allow_superset": False,
}


def _make_turns(honest_reward: float = 1.0) -> list[ProbeTurn]:
    return [
        ProbeTurn(f"a#{index}", STATE, action, honest_reward)
        for index, action in enumerate(DEMONSTRATED)
    ]


def _build(values: Any) -> Verifier:
    return build_verifier(ADAPTER.validate_python(values))


def _exploits(results: list[ProbeResult]) -> set[tuple[str, str]]:
    return {
        (each.probe, str(each.action_type)) for each in results if not each.earns_less
    }


@pytest.mark.parametrize(
    ("demonstrated", "played"),
    [
        ({"unit": "C", "city": "Oslo"}, {"unit": "C"}),
        ({"unit": "F", "city": "Oslo"}, {"unit": "F"}),
        ({"unit": "C", "note": None, "day": 2}, {"unit": "C", "note": None}),
        ({"unit": "C", "note": None}, None),
        ({}, None),
    ],
)
def test_argument_that_is_left_out_means_something(
    demonstrated: Any, played: Any
) -> None:
    properties = {
        "unit": {"type": "string", "default": "C"},
        "note": {"type": ["string", "null"]},
        "city": {"type": "string"},
        "day": {"type": "integer"},
    }
    schema = {"type": "object", "properties": properties, "required": ["city"]}
    tool = Tool("weather", {"function": {"name": "weather", "parameters": schema}})
    action = Action(tool_calls=(make_tool_call("weather", demonstrated),))

    found = PROBES["missing_argument"](ProbeTurn("a#0", State((), (tool,)), action, 1))

    arguments = None if found is None else found.tool_calls[0].arguments
    assert arguments == played


@pytest.mark.parametrize("scoring", ["strict", "fraction", "f1"])
def test_default_verifier_pays_no_probe(scoring: str) -> None:
    values = dict(EXAMPLE["functional"])
    values["tool_call"] = {**values["tool_call"], "scoring": scoring}

    results = probe_verifier(_build(values), _make_turns())

    assert _exploits(results) == set()
    # arguments and calls can be left out, emptied or repeated only where there are any
    assert Counter(each.action_type for each in results) == {
        ActionType.TOOL_CALL: len(PROBES),
        ActionType.MESSAGE: len(PROBES) - 3,
    }


def test_exact_match_pays_no_probe() -> None:
    results = probe_verifier(_build({"kind": "exact_match"}), _make_turns())

    assert _exploits(results) == set()


def test_published_comparator_pays_for_talk_and_spray() -> None:
    exploits = _exploits(probe_verifier(_build(NEMO_GYM), _make_turns()))

    assert {
        ("always_talk", "message"),
        ("echo_user", "message"),
        ("empty_message", "message"),
        ("call_as_text", "message"),
        ("prompt_injection", "message"),
        ("giant_output", "message"),
        ("spray_tools", "tool_call"),
        ("repeat_calls", "tool_call"),
    } <= exploits
    assert ("always_talk", "tool_call") not in exploits


def test_description_says_what_was_paid_and_for_what() -> None:
    results = probe_verifier(_build(NEMO_GYM), _make_turns())
    by_probe = {(each.probe, each.action_type): each for each in results}

    assert by_probe["always_talk", ActionType.MESSAGE].describe("theirs") == (
        "Verifier 'theirs' pays 1.00 for the probe 'always_talk' on message turns (2); "
        "honest actions earn 1.00."
    )


@pytest.mark.parametrize(("honest_reward", "earns_less"), [(0.2, True), (0.05, False)])
def test_probe_is_held_against_what_honest_actions_earn(
    honest_reward: float, earns_less: bool
) -> None:
    values = dict(EXAMPLE["functional"])
    values["tool_call"] = {**values["tool_call"], "scoring": "f1"}

    results = probe_verifier(_build(values), _make_turns(honest_reward))

    # F1 still pays 2 / 21 for one right call among twenty
    (repeated,) = [each for each in results if each.probe == "repeat_calls"]
    assert repeated.reward_mean == pytest.approx(2 / 21)
    assert repeated.honest_reward_mean == pytest.approx(honest_reward)
    assert repeated.earns_less is earns_less


def test_probe_that_earns_nothing_is_no_exploit_of_a_hopeless_turn() -> None:
    turns = _make_turns(honest_reward=0.0)

    assert _exploits(probe_verifier(_build({"kind": "exact_match"}), turns)) == set()


class UnreachableVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return Verdict(None, VerdictReason.NOT_JUDGED)


def test_turns_without_a_verdict_are_counted_apart() -> None:
    (talk, *_) = probe_verifier(UnreachableVerifier(), _make_turns()[:1])

    assert talk == ProbeResult(
        "always_talk",
        ActionType.TOOL_CALL,
        0,
        1,
        reward_mean=None,
        honest_reward_mean=None,
    )
    assert not talk.earns_less
    assert talk.describe("judge") == (
        "Verifier 'judge' could not judge the probe 'always_talk' on tool_call turns "
        "(1 excluded): look at its endpoint."
    )


class FailingVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        raise KeyError("name")


def test_verifier_that_fails_on_a_probe_is_an_error_with_the_candidate() -> None:
    with pytest.raises(VerifierError, match=r"candidate 'a#3': KeyError"):
        probe_verifier(FailingVerifier(), _make_turns())


def test_probe_that_cannot_be_played_has_no_result() -> None:
    results = probe_verifier(_build({"kind": "exact_match"}), _make_turns()[3:])
    num_turns = {each.probe: each.num_turns for each in results}

    assert num_turns.keys() == PROBES.keys() - {
        "missing_argument",
        "blank_arguments",
        "repeat_calls",
    }
    assert num_turns["always_talk"] == 2
