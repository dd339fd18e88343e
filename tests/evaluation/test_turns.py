"""Rewards on recorded turns: one result a turn, the same turns for every policy."""

import logging
from collections.abc import Sequence

import pytest
from tests.evaluation.answering import AnsweringPolicy

from fakes import make_candidates, make_trajectory
from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.evaluation.results import EvaluationResult, Suite
from pivotrl_pipeline.evaluation.turns import evaluate_turns
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory

TRAJECTORY = make_trajectory("Ada", ["Ada", "Bob"])


class SameText:
    """1 for the demonstrated text; says nothing of a policy that says nothing."""

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """By the content alone."""
        if action.content is None:
            return Verdict(None, VerdictReason.NOT_JUDGED, "no text")
        is_same = action.content == demonstrated_action.content
        return Verdict(float(is_same), VerdictReason.EQUIVALENT)


TURNS = ((TRAJECTORY, make_candidates(TRAJECTORY)),)


def evaluate(
    policy: AnsweringPolicy,
    *,
    turns: Sequence[tuple[Trajectory, list[PivotCandidate]]] = TURNS,
    max_prompt_tokens: int = 1000,
) -> list[EvaluationResult]:
    return evaluate_turns(
        policy,
        "initial",
        turns,
        SameText(),
        Suite.IN_DOMAIN,
        {f"Ada#{turn}": f"task {turn % 3}" for turn in range(4)},
        max_new_tokens=30,
        max_prompt_tokens=max_prompt_tokens,
    )


def test_each_turn_is_judged_and_reported_under_its_task() -> None:
    results = evaluate(AnsweringPolicy(lambda text: "Ada it is."))

    # per question a look-up and a message; only "Ada it is." was said
    assert [(r.item_id, r.task, r.score) for r in results] == [
        ("Ada#0", "task 0", 0.0),
        ("Ada#1", "task 1", 1.0),
        ("Ada#2", "task 2", 0.0),
        ("Ada#3", "task 0", 0.0),
    ]
    assert {(r.policy, r.suite, r.output) for r in results} == {
        ("initial", Suite.IN_DOMAIN, "Ada it is.")
    }


def test_states_that_are_too_long_are_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        results = evaluate(AnsweringPolicy(str), max_prompt_tokens=3)

    assert [result.item_id for result in results] == ["Ada#0"]
    assert "3 of 4 turns are too long" in caplog.text


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        # the first state is "Ada"
        (
            TURNS,
            r"'in_domain' are too long: the shortest state has 3 tokens, "
            r"ood_evaluation\.max_prompt_tokens is 2",
        ),
        ((), r"'in_domain' has no turns.*validation_rate"),
    ],
)
def test_a_suite_without_a_turn_that_fits_is_refused(
    turns: Sequence[tuple[Trajectory, list[PivotCandidate]]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        evaluate(AnsweringPolicy(str), turns=turns, max_prompt_tokens=2)


def test_a_turn_that_cannot_be_judged_ends_the_evaluation() -> None:
    with pytest.raises(VerifierError, match=r"'Ada#0' could not be judged \(no text\)"):
        evaluate(AnsweringPolicy(lambda text: ""))
