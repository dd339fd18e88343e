from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifiers

ADAPTER: TypeAdapter[Any] = TypeAdapter(dict[str, VerifierParameters])
EXAMPLE = (parameters.__doc__ or "").split("::", 1)[1]
STATE = State((), ())
CALL = Action(tool_calls=(make_tool_call("find", {"city": "Paris", "n": 1}),))


def test_example_of_the_documentation_builds_and_judges() -> None:
    values = yaml.safe_load(EXAMPLE)["verifiers"]
    verifiers = build_verifiers(ADAPTER.validate_python(values))
    variant = Action(tool_calls=(make_tool_call("find", {"n": 1.0, "city": "PARIS"}),))

    rewards = {
        name: verifier.verify(STATE, CALL, variant).reward
        for name, verifier in verifiers.items()
    }

    assert rewards["functional"] == 1.0
    assert rewards["exact_match"] == 0.0


def test_every_verifier_refuses_what_is_no_action() -> None:
    values = yaml.safe_load(EXAMPLE)["verifiers"]
    verifiers = build_verifiers(ADAPTER.validate_python(values))
    broken = Action("<tool_call>{", parse_error="unclosed tag")

    reasons = {
        verifier.verify(STATE, broken, broken).reason for verifier in verifiers.values()
    }

    assert reasons == {VerdictReason.UNPARSEABLE_ACTION}


def test_combinations_nest() -> None:
    exact = {"kind": "exact_match"}
    values = {
        "nested": {
            "kind": "by_domain",
            "domains": {
                "a": exact,
                "*": {
                    "kind": "any_of",
                    "verifiers": [{"kind": "all_of", "verifiers": [exact]}, exact],
                },
            },
        }
    }

    verifier = build_verifiers(ADAPTER.validate_python(values))["nested"]

    assert verifier.verify(STATE, CALL, CALL).reward == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "tool_cal"}, "Unknown verifier 'tool_cal'.*Did you mean 'tool_call'"),
        ({}, "Unknown verifier None; choose from: all_of"),
        ({"kind": "exact_match", "strict": True}, "strict"),
        ({"kind": "tool_call", "scoring": "strict", "arguments": []}, "strings"),
        (
            {
                "kind": "tool_call",
                "scoring": "f1",
                "strings": {"kind": "trim"},
                "arguments": [],
            },
            "Unknown comparator for strings 'trim'.*Did you mean 'trimmed'",
        ),
        (
            {"kind": "message", "rule": {"kind": "token_f2", "threshold": 0.5}},
            "Unknown rule for messages 'token_f2'.*Did you mean 'token_f1'",
        ),
        (
            {"kind": "message", "rule": {"kind": "token_f1", "threshold": 0}},
            "greater than 0",
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python({"functional": values})
