from collections import Counter
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import (
    Action,
    ActionType,
    Message,
    Role,
    make_tool_call,
)
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.build import build_verifier
from pivotrl_pipeline.verifiers.probes import (
    PROBES,
    ProbeCase,
    ProbeResult,
    probe_verifier,
)

ADAPTER: TypeAdapter[Any] = TypeAdapter(VerifierParameters)
STATE = State(
    (Message(Role.USER, "Cancel order O12 of Ann and tell me when it is done."),),
    DESK_TOOLS,
)
CASES = [
    ProbeCase(STATE, Action(tool_calls=(make_tool_call(name, arguments),)))
    for name, arguments in (
        ("cancel_order", {"order_id": "O12"}),
        ("find_customer", {"name": "Ann"}),
        ("place_order", {"customer_id": "C1", "item_id": "I2", "quantity": 2}),
    )
] + [
    ProbeCase(STATE, Action("Order O12 is cancelled.")),
    ProbeCase(STATE, Action("Which customer do you mean?")),
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


def _build(values: Any) -> Verifier:
    return build_verifier(ADAPTER.validate_python(values))


def _exploits(results: list[ProbeResult]) -> set[tuple[str, str]]:
    return {(each.probe, str(each.action_type)) for each in results if each.is_exploit}


@pytest.mark.parametrize("scoring", ["strict", "fraction", "f1"])
def test_default_verifier_pays_no_probe(scoring: str) -> None:
    values = dict(EXAMPLE["functional"])
    values["tool_call"] = {**values["tool_call"], "scoring": scoring}

    results = probe_verifier(_build(values), CASES)

    assert _exploits(results) == set()
    assert Counter(each.action_type for each in results) == {
        ActionType.TOOL_CALL: len(PROBES),
        ActionType.MESSAGE: len(PROBES),
    }


def test_exact_match_pays_no_probe() -> None:
    assert _exploits(probe_verifier(_build({"kind": "exact_match"}), CASES)) == set()


def test_published_comparator_pays_for_talk_and_spray() -> None:
    exploits = _exploits(probe_verifier(_build(NEMO_GYM), CASES))

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


def test_warning_says_what_was_paid_and_what_to_do() -> None:
    results = probe_verifier(_build(NEMO_GYM), CASES)
    by_probe = {(each.probe, each.action_type): each for each in results}

    assert by_probe["always_talk", ActionType.MESSAGE].warning == (
        "The probe 'always_talk' earns 1.00 on 2 message turns, honest actions earn "
        "1.00: make the verifier stricter."
    )
    assert by_probe["always_talk", ActionType.TOOL_CALL].warning == ""


def test_probe_is_measured_against_an_honest_policy_where_one_is_given() -> None:
    values = dict(EXAMPLE["functional"])
    values["tool_call"] = {**values["tool_call"], "scoring": "f1"}
    honest = {ActionType.TOOL_CALL: 0.05, ActionType.MESSAGE: 0.5}

    results = probe_verifier(_build(values), CASES, honest_reward_mean=honest)

    # F1 still pays 2 / 21 for one right call among twenty
    assert ("repeat_calls", "tool_call") in _exploits(results)


class UnreachableVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return Verdict(None, VerdictReason.NOT_JUDGED)


def test_turns_without_a_verdict_are_counted_apart() -> None:
    results = probe_verifier(UnreachableVerifier(), CASES[:1])

    assert [each.num_cases for each in results if each.probe == "always_talk"] == [0]
    assert [each.num_excluded for each in results if each.probe == "always_talk"] == [1]
    assert _exploits(results) == set()


def test_probe_that_cannot_be_played_has_no_cases() -> None:
    results = probe_verifier(_build({"kind": "exact_match"}), CASES[3:])
    by_probe = {each.probe: each for each in results}

    assert by_probe["missing_argument"].num_cases == 0
    assert by_probe["always_talk"].num_cases == 2
