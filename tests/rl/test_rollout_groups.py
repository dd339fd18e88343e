"""Rollouts at pivots and their rewards."""

from collections.abc import Sequence

import pytest
from tests.rl.toys import ToyVerifier, make_pivots

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.rl.rollout_groups import (
    measure_greedy_reward,
    sample_rollout_groups,
)

SETTINGS = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=3)


class SeededPolicy:
    """Says its seed, and ends in the way that the seed asks for."""

    endings = (FinishReason.STOP, FinishReason.LENGTH, FinishReason.ERROR)

    def __init__(self) -> None:
        self.settings: list[SamplingSettings] = []

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
    ) -> list[list[Sample]]:
        self.settings.append(settings)
        return [
            [Sample((seed,), (-1.0,), self.endings[seed]) for seed in of_prompt]
            for of_prompt in seeds
        ]

    def decode(self, token_ids: Sequence[int]) -> str:
        return " ".join(map(str, token_ids))

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        return Action(content=text)


def test_rollouts_keep_the_order_of_pivots_and_seeds() -> None:
    verifier = ToyVerifier(lambda wanted, said: 1.0)

    groups = sample_rollout_groups(
        SeededPolicy(), verifier, make_pivots(2), [[0, 0], [0]], SETTINGS
    )

    assert [group.pivot.candidate_id for group in groups] == [
        "trajectory#0",
        "trajectory#1",
    ]
    assert [len(group.rollouts) for group in groups] == [2, 1]


def test_cut_off_actions_earn_nothing_and_failed_samples_are_not_judged() -> None:
    verifier = ToyVerifier(lambda wanted, said: 1.0)

    (group,) = sample_rollout_groups(
        SeededPolicy(), verifier, make_pivots(1), [[0, 1, 2]], SETTINGS
    )

    assert [rollout.reward for rollout in group.rollouts] == [1.0, 0.0, None]
    assert [rollout.reward for rollout in group.judged] == [1.0, 0.0]
    assert verifier.num_calls == 1


def test_a_failing_verifier_ends_the_update_with_the_candidates_name() -> None:
    verifier = ToyVerifier(fail_at_call=2)

    with pytest.raises(VerifierError, match=r"candidate 'trajectory#1'.*RuntimeError"):
        sample_rollout_groups(
            SeededPolicy(), verifier, make_pivots(2), [[0], [0]], SETTINGS
        )


def test_the_heldout_reward_is_the_mean_over_judged_greedy_actions() -> None:
    rewards = iter([1.0, None, 0.5])
    policy = SeededPolicy()

    mean = measure_greedy_reward(
        policy,
        ToyVerifier(lambda wanted, said: next(rewards)),
        make_pivots(3),
        max_new_tokens=7,
    )

    assert mean == 0.75
    assert policy.settings == [SamplingSettings(0.0, 1.0, 7)]


def test_heldout_turns_that_cannot_be_judged_are_an_error() -> None:
    verifier = ToyVerifier(lambda wanted, said: None)

    with pytest.raises(VerifierError, match="None of the 2 held-out turns"):
        measure_greedy_reward(
            SeededPolicy(), verifier, make_pivots(2), max_new_tokens=7
        )
