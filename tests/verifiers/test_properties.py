"""What must hold for any action, however it came about."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifiers
from pivotrl_pipeline.verifiers.comparators import same_command

# How long an example takes says more about the machine than about the verifier.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VERIFIERS = build_verifiers(
    TypeAdapter(dict[str, VerifierParameters]).validate_python(
        yaml.safe_load((parameters.__doc__ or "").split("::", 1)[1])["verifiers"]
    )
)
FUNCTIONAL = VERIFIERS["functional"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "a": {"type": ["integer", "null"], "default": 1},
        "b": {"anyOf": [{"type": "number"}, {"type": "array", "items": {}}]},
        "items": {"items": {"properties": {"price": {"type": "number"}}}},
    },
}
STATE = State(
    (),
    tuple(
        Tool(
            name,
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}},
        )
        for name in ("find", "place_order")
    ),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["city", "a", "b", "items", "price"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["city", "a", "b", "items", "x"]), VALUES, max_size=4
)
CALLS = st.builds(
    lambda name, arguments: make_tool_call(name, json.dumps(arguments)),
    st.sampled_from(["find", "place_order", "unknown"]),
    ARGUMENTS,
)
BROKEN_CALLS = st.builds(make_tool_call, st.text(max_size=8), st.text(max_size=12))
ACTIONS = st.builds(
    Action,
    content=st.none() | st.text(max_size=30),
    tool_calls=st.lists(CALLS | BROKEN_CALLS, max_size=3).map(tuple),
    parse_error=st.none() | st.just("unclosed tag"),
)


def _call(arguments: Any, call_id: str | None = None, **style: Any) -> Action:
    text = json.dumps(arguments, **style)
    return Action(tool_calls=(make_tool_call("find", text, call_id),))


def _reverse(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reverse(value[key]) for key in reversed(value)}
    return [_reverse(item) for item in value] if isinstance(value, list) else value


NUMBERS = st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False)
VALID_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "city": st.text(max_size=5),
        "a": st.none() | st.integers(-2, 2),
        "b": NUMBERS | st.lists(VALUES, max_size=3),
        "items": st.lists(st.fixed_dictionaries({}, optional={"price": NUMBERS})),
        "x": VALUES,
    },
)


@settings(UNHURRIED, max_examples=200)
@given(demonstrated=ACTIONS, action=ACTIONS)
def test_no_action_raises_and_every_reward_is_a_share(
    demonstrated: Action, action: Action
) -> None:
    rewards = [
        verifier.verify(STATE, demonstrated, action).reward
        for verifier in VERIFIERS.values()
    ]

    assert all(reward is not None and 0 <= reward <= 1 for reward in rewards)


@UNHURRIED
@given(arguments=VALID_ARGUMENTS)
def test_equivalence_is_reflexive(arguments: dict[str, Any]) -> None:
    assert FUNCTIONAL.verify(STATE, _call(arguments), _call(arguments)).reward == 1.0


@UNHURRIED
@given(left=VALID_ARGUMENTS, right=VALID_ARGUMENTS)
def test_equivalence_of_valid_calls_is_symmetric(
    left: dict[str, Any], right: dict[str, Any]
) -> None:
    there = FUNCTIONAL.verify(STATE, _call(left), _call(right))
    back = FUNCTIONAL.verify(STATE, _call(right), _call(left))

    assert there.reward == back.reward


@UNHURRIED
@given(arguments=VALID_ARGUMENTS)
def test_key_order_white_space_and_call_ids_mean_nothing(
    arguments: dict[str, Any],
) -> None:
    variant = _call(_reverse(arguments), "call_9", indent=2, ensure_ascii=False)

    assert FUNCTIONAL.verify(STATE, _call(arguments, "call_1"), variant).reward == 1.0


@UNHURRIED
@given(text=st.text(), words=st.lists(st.sampled_from("O12 40 ? not a"), max_size=8))
def test_message_passes_its_own_verifier(text: str, words: list[str]) -> None:
    message = Action(f"Order O7 of {text} {' '.join(words)}")

    verdict = FUNCTIONAL.verify(STATE, message, message)

    assert verdict.reward == 1.0 or verdict.reason == "tool_like_message"


WORDS = ["cd src", "&&", ";", "|", "ls -la", "'a b'", '"$HOME"', "$(", ")", "> out"]
COMMANDS = st.text(max_size=20) | st.lists(
    st.sampled_from(WORDS) | st.text(max_size=3), max_size=6
).map(" ".join)


@UNHURRIED
@given(left=COMMANDS, right=COMMANDS)
def test_equivalence_of_commands_is_reflexive_and_symmetric(
    left: str, right: str
) -> None:
    pytest.importorskip("bashlex")
    compare = same_command(directory="/repo", keeps_directory=False)

    assert compare(left, left)
    assert compare(left, right) == compare(right, left)
