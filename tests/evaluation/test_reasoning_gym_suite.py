"""Tasks of reasoning-gym by name: fixed items, and the package's own scores."""

import sys
from typing import Any

import pytest
from tests.evaluation.answering import AnsweringPolicy

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation.reasoning_gym_suite import evaluate_reasoning_gym
from pivotrl_pipeline.parameters.ood_evaluation import ReasoningGymSuite


def make_suite(**changes: Any) -> ReasoningGymSuite:
    values = {
        "kind": "reasoning_gym",
        "tasks": ("chain_sum",),
        "items_per_task": 3,
        "seed": 5,
        "instruction": "",
        "max_new_tokens": 64,
    }
    return ReasoningGymSuite.model_validate(values | changes)


@pytest.fixture
def answers() -> dict[str, str]:
    gym = pytest.importorskip("reasoning_gym")
    items = gym.create_dataset("chain_sum", seed=5, size=3)
    return {item["question"]: item["answer"] for item in items}


def test_right_answers_earn_one_and_wrong_ones_nothing(
    answers: dict[str, str],
) -> None:
    first, *_ = answers
    policy = AnsweringPolicy(lambda text: "no" if text == first else answers[text])

    results = evaluate_reasoning_gym(policy, "initial", "reasoning", make_suite())

    assert [result.score for result in results] == [0.0, 1.0, 1.0]
    assert [result.item_id for result in results] == ["5/0", "5/1", "5/2"]
    assert {result.task for result in results} == {"reasoning/chain_sum"}
    assert results[0].output == "no"


def test_the_answer_is_what_stands_in_tags_after_the_reasoning(
    answers: dict[str, str],
) -> None:
    policy = AnsweringPolicy(
        lambda text: f"<think>hm</think>It is <answer>{answers[text]}</answer>."
    )

    results = evaluate_reasoning_gym(policy, "initial", "reasoning", make_suite())

    assert [result.score for result in results] == [1.0] * 3


def test_an_instruction_is_a_message_before_the_question(
    answers: dict[str, str],
) -> None:
    seen: list[str] = []
    policy = AnsweringPolicy(lambda text: seen.append(text) or "")  # type: ignore[func-returns-value]

    evaluate_reasoning_gym(policy, "a", "b", make_suite(instruction="Be brief."))

    assert seen == [f"Be brief.\n\n{question}" for question in answers]
    assert policy.limits == [64]


def test_an_unknown_task_is_refused_with_those_near_it() -> None:
    pytest.importorskip("reasoning_gym")
    suite = make_suite(tasks=("chain_sums",))

    with pytest.raises(
        ConfigurationError, match=r"suites\.mine .*'chain_sums'.*chain_s"
    ):
        evaluate_reasoning_gym(AnsweringPolicy(str), "initial", "mine", suite)


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)

    with pytest.raises(ConfigurationError, match=r"python3 install\.py reasoning-gym"):
        evaluate_reasoning_gym(AnsweringPolicy(str), "initial", "mine", make_suite())
