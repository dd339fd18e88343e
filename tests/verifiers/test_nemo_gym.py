"""Every case of the published comparator's own tests, and those it leaves untested."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import NemoGymParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.nemo_gym import NemoGymVerifier

ORIGINAL = "resources_servers.single_step_tool_use_with_argument_comparison.common"
STATE = State((), ())


def _verifier(**settings: Any) -> NemoGymVerifier:
    return NemoGymVerifier(
        NemoGymParameters.model_validate(
            {
                "kind": "nemo_gym",
                "word_threshold": 0.1,
                "float_tolerance": 1e-6,
                "parallel_rewarding": False,
                "mode": "binary_strict",
                "allow_subset": False,
                "allow_superset": False,
                **settings,
            }
        )
    )


def _calls(*calls: Any) -> Action:
    pairs = [("f", call) if isinstance(call, dict) else call for call in calls]
    return Action(
        tool_calls=tuple(
            make_tool_call(
                name, arguments if isinstance(arguments, str) else json.dumps(arguments)
            )
            for name, arguments in pairs
        )
    )


def _judge(expected: Action, found: Action, **settings: Any) -> tuple[float, str]:
    verdict = _verifier(**settings).verify(STATE, expected, found)
    assert verdict.reward is not None
    return verdict.reward, verdict.detail or verdict.reason


def _reward(expected: Action, found: Action, **settings: Any) -> float:
    return _judge(expected, found, **settings)[0]


A, B, C = {"n": 1}, {"n": 2}, {"n": 3}
JUNK = {"n": 99}
CALL = _calls(A)
TALK = Action("Hello Jane!")


@pytest.mark.parametrize(
    ("expected", "found", "result"),
    [
        (CALL, Action(reasoning="hm"), (0.0, "no action")),
        (TALK, Action(None), (0.0, "no action")),
        (TALK, Action("asdf"), (1.0, "equivalent")),
        (TALK, CALL, (0.0, "message_expected")),
        (TALK, _calls(A, B), (0.0, "message_expected")),
        (CALL, TALK, (0.0, "call_expected")),
        (_calls(A, B), TALK, (0.0, "call_expected")),
        (CALL, CALL, (1.0, "equivalent")),
        (CALL, Action("text beside", CALL.tool_calls), (1.0, "equivalent")),
    ],
)
def test_kinds_of_actions(
    expected: Action, found: Action, result: tuple[float, str]
) -> None:
    assert _judge(expected, found) == result


NESTED = {"a": {"b": [1, "x"], "c": {"d": None}}}


@pytest.mark.parametrize(
    ("expected", "found", "result"),
    [
        (("f", A), ("g", A), (0.0, "unexpected tool")),
        (("f", A), ("F", A), (0.0, "unexpected tool")),
        (("f", A), ("f", "{n: 1}"), (0.0, "arguments decode error")),
        (("f", NESTED), ("f", NESTED), (1.0, "equivalent")),
        (
            ("f", NESTED),
            ("f", {"a": {"b": [2, "x"], "c": {"d": None}}}),
            (0.0, "value different"),
        ),
        (
            ("f", NESTED),
            ("f", {"a": {"b": [1, "x"], "c": {"e": None}}}),
            (0.0, "object keys different"),
        ),
        (
            ("f", NESTED),
            ("f", {"a": {"b": [1], "c": {"d": None}}}),
            (0.0, "list length different"),
        ),
        (("f", {"n": 75}), ("f", {"n": "75"}), (0.0, "value type different")),
        # the first failing field decides
        (
            ("f", {"a": 1, "b": 2}),
            ("f", {"b": "2", "a": 3}),
            (0.0, "value different"),
        ),
    ],
)
def test_single_call(expected: Any, found: Any, result: tuple[float, str]) -> None:
    assert _judge(_calls(expected), _calls(found)) == result


@pytest.mark.parametrize(
    ("expected", "found", "reward"),
    [
        (None, "None", 0),
        (None, None, 1),
        (1.0, 1.0 + 1e-9, 1),
        (1.0, 1.0 + 1e-6 + 1e-12, 0),
        (1.0, 2.0, 0),
        ("one", "one", 1),
        ("one", "two", 0),
        ("one two three", "one two three", 1),
        ("one two three", "four five six", 0),
        (True, True, 1),
        (1, 2, 0),
        # not tested upstream
        (1, True, 1),
        (True, 1, 0),
        (1.0, 1, 0),
        (1, 1.0, 0),
        (1, None, 0),
        ("", "", 1),
        ("", " ", 0),
        ("Paris", "paris", 0),
        ("Paris", "Paris ", 0),
        ("New York", "new  york", 1),
        ("New York", "New", 0),
        # 1 shared of 5 + 5 words: exactly the threshold of 0.1
        ("refund the red shoes now", "cancel the whole blue order", 1),
        (["1", "2"], ["2", "1"], 0),
        ({"a": None}, {}, 0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, 1),
    ],
)
def test_values(expected: Any, found: Any, reward: int) -> None:
    assert _reward(_calls({"v": expected}), _calls({"v": found})) == reward


def test_infinite_numbers_never_match() -> None:
    assert _reward(_calls(("f", '{"v":1e999}')), _calls(("f", '{"v":1e999}'))) == 0.0


def test_threshold_of_zero_accepts_any_two_texts_of_two_words() -> None:
    expected, found = _calls({"v": "one two"}), _calls({"v": "three four"})

    assert _reward(expected, found, word_threshold=0.0) == 1.0


def test_threshold_above_half_rejects_equal_texts() -> None:
    same = _calls({"v": "one two"})

    assert _reward(same, same, word_threshold=0.5) == 1.0
    assert _reward(same, same, word_threshold=0.51) == 0.0


@pytest.mark.parametrize("parallel_rewarding", [False, True])
def test_order_of_calls_means_nothing(parallel_rewarding: bool) -> None:
    assert (
        _reward(_calls(A, B), _calls(B, A), parallel_rewarding=parallel_rewarding) == 1
    )


@pytest.mark.parametrize(
    ("expected", "found", "off", "on"),
    [
        ((A, B), (A, B, JUNK), 1, 0),
        ((A, B), (A,), 0, 0),
        ((A,), (JUNK, A), 1, 0),
        ((A,), (A, JUNK, JUNK, JUNK), 1, 0),
        ((A, B), (A, JUNK), 0, 0),
    ],
)
def test_number_of_calls_counts_only_when_parallel_calls_are_rewarded(
    expected: Any, found: Any, off: int, on: int
) -> None:
    expected, found = _calls(*expected), _calls(*found)

    assert _reward(expected, found) == off
    assert _reward(expected, found, mode="f1") == off
    assert _reward(expected, found, parallel_rewarding=True) == on


@pytest.mark.parametrize("mode", ["binary_strict", "fractional", "f1"])
@pytest.mark.parametrize("allow_subset", [False, True])
@pytest.mark.parametrize("allow_superset", [False, True])
def test_gate_admits_what_it_is_told_to(
    mode: str, allow_subset: bool, allow_superset: bool
) -> None:
    settings = {
        "parallel_rewarding": True,
        "mode": mode,
        "allow_subset": allow_subset,
        "allow_superset": allow_superset,
    }

    assert (_reward(_calls(A, B), _calls(A), **settings) > 0) is allow_subset
    assert (_reward(_calls(A, B), _calls(A, B, JUNK), **settings) > 0) is allow_superset


@pytest.mark.parametrize(
    ("expected", "found", "settings", "reward"),
    [
        ((A, B), (A, B, *[JUNK] * 20), {"mode": "binary_strict"}, 1.0),
        ((A, B), (A, B, *[JUNK] * 20), {"mode": "fractional"}, 1.0),
        # f1 = 2 matched / (expected + found): 4 / 24
        ((A, B), (A, B, *[JUNK] * 20), {"mode": "f1"}, 1 / 6),
        ((A, B), (A, B, JUNK, JUNK, JUNK), {"mode": "f1"}, 4 / 7),
        ((A, B, C), (A, JUNK, JUNK), {"mode": "fractional"}, 1 / 3),
        ((A, B, C), (A, B, JUNK), {"mode": "fractional"}, 2 / 3),
        ((A, B, C), (C, B, A), {"mode": "fractional"}, 1.0),
        ((A, B), (B, A), {"mode": "f1"}, 1.0),
        ((A, B), (A, JUNK), {"mode": "f1"}, 0.5),
        ((A, B), (A,), {"mode": "f1", "allow_subset": True}, 2 / 3),
        # the single easiest call gets full credit outside f1
        ((A, B), (A,), {"mode": "binary_strict", "allow_subset": True}, 1.0),
        ((A, B), (A,), {"mode": "fractional", "allow_subset": True}, 1.0),
    ],
)
def test_modes_of_rewarding_several_calls(
    expected: Any, found: Any, settings: dict[str, Any], reward: float
) -> None:
    settings = {"parallel_rewarding": True, "allow_superset": True, **settings}

    found_reward = _reward(_calls(*expected), _calls(*found), **settings)

    assert found_reward == pytest.approx(reward)


@pytest.mark.parametrize(
    ("expected", "found", "category"),
    [
        ((("f", A), ("g", A)), (("f", A), ("h", A)), "unexpected tool"),
        ((("f", A), ("g", A)), (("f", A), ("g", B)), "value different"),
        ((A, B), (JUNK, {"n": 98}), "value different"),
        ((("f", A), ("g", A)), (("h", A), ("f", {"n": "1"})), "value type different"),
        ((A, B), (A,), "batch length different"),
    ],
)
def test_reason_of_a_failed_batch_is_the_nearest_miss(
    expected: Any, found: Any, category: str
) -> None:
    assert _judge(_calls(*expected), _calls(*found)) == (0.0, category)


def test_near_miss_past_the_name_goes_before_another_tool() -> None:
    verdict = _verifier().verify(STATE, _calls(("f", A)), _calls(("g", A), ("f", B)))

    assert (verdict.reason, verdict.detail) == (
        VerdictReason.ARGUMENT_MISMATCH,
        "value different",
    )


def test_fuzzy_calls_are_matched_so_that_all_find_a_partner() -> None:
    expected = _calls({"v": "aa bb cc dd"}, {"v": "aa bb"})
    found = _calls({"v": "aa bb"}, {"v": "cc dd"})

    assert _reward(expected, found, word_threshold=0.3) == 1.0


def test_broken_demonstration_is_an_error_not_a_reward() -> None:
    with pytest.raises(VerifierError, match="'f' has arguments that are not"):
        _reward(_calls(("f", "[")), CALL)


_CATEGORIES = {
    "UNEXPECTED_TOOL": "unexpected tool",
    "ARGUMENTS_DECODE_ERROR": "arguments decode error",
    "ARGUMENT_VALUE_TYPE_DIFFERENT": "value type different",
    "ARGUMENT_OBJECT_KEYS_DIFFERENT": "object keys different",
    "ARGUMENT_LIST_LENGTH_DIFFERENT": "list length different",
    "ARGUMENT_VALUE_DIFFERENT": "value different",
    "FUNCTION_CALL_BATCH_LENGTH_DIFFERENT": "batch length different",
}

# Few words, names and keys, so that actions are often nearly the same.
WORDS = st.lists(st.sampled_from(["Aa", "aa", "b", "c", "1"]), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2)
    | st.sampled_from([0.0, 1.0, 1.0 + 5e-7, 2.0])
    | WORDS.map(" ".join),
    lambda values: (
        st.lists(values, max_size=2)
        | st.dictionaries(st.sampled_from("kl"), values, max_size=2)
    ),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.sampled_from("vw"), VALUES, max_size=2).map(json.dumps)
CALLS = st.lists(st.tuples(st.sampled_from("fg"), ARGUMENTS), max_size=4)
SETTINGS = st.fixed_dictionaries(
    {
        "word_threshold": st.sampled_from([0.0, 0.1, 0.3, 0.5]),
        "parallel_rewarding": st.booleans(),
        "mode": st.sampled_from(["binary_strict", "fractional", "f1"]),
        "allow_subset": st.booleans(),
        "allow_superset": st.booleans(),
    }
)


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Calls, and those of another action that shares some of them."""
    expected, others = draw(CALLS), draw(CALLS)
    shared = [call for call in expected if draw(st.booleans())]
    return expected, draw(st.permutations([*shared, *others]))


@pytest.mark.filterwarnings("default")
@given(pair=_pairs(), settings=SETTINGS)
def test_rewards_and_reasons_are_those_of_the_original(
    pair: tuple[list[Any], list[Any]], settings: dict[str, Any]
) -> None:
    utils = pytest.importorskip(
        f"{ORIGINAL}.verification_utils", reason="nemo-gym is not installed"
    )
    config = utils.ToolCallComparatorConfig(
        word_count_similarity_threshold=settings["word_threshold"],
        parallel_tool_call_rewarding=settings["parallel_rewarding"],
        parallel_tool_call_reward_mode=settings["mode"],
        allow_subset=settings["allow_subset"],
        allow_superset=settings["allow_superset"],
    )

    def act(calls: Iterable[tuple[str, str]]) -> tuple[Action, Any]:
        """The action, here and there."""
        pairs = list(calls)
        if not pairs:
            return TALK, utils.MessageAction(type="message", content=TALK.content)
        labels = [
            utils.FunctionCallAction(type="function_call", name=name, arguments=text)
            for name, text in pairs
        ]
        if len(labels) == 1:
            return _calls(*pairs), labels[0]
        batch = utils.FunctionCallBatchAction(type="function_call_batch", calls=labels)
        return _calls(*pairs), batch

    (expected, expected_label), (found, found_label) = map(act, pair)

    verdict = _verifier(**settings).verify(STATE, expected, found)

    original = utils.ActionComparator(config=config).compare_action(
        expected_label, found_label
    )
    assert verdict.reward == pytest.approx(original.reward, abs=1e-12)
    if expected.tool_calls and found.tool_calls and original.reward < 1:
        assert verdict.detail == _CATEGORIES[original.category.name]
