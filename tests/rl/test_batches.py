"""Rollout groups as tensors, and their division into parts."""

import pytest
from tests.rl.objectives import make_objective
from tests.rl.toys import make_group

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters
from pivotrl_pipeline.rl.batches import (
    UpdateBatch,
    make_batch,
    split_groups,
)
from pivotrl_pipeline.rl.loss import UpdateSize
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup


def batch_of(
    *groups: RolloutGroup, objective: ObjectiveParameters | None = None
) -> UpdateBatch:
    return make_batch(groups, objective or make_objective(), max_new_tokens=9)


def test_means_count_every_judged_rollout_and_no_failed_one() -> None:
    batch = batch_of(make_group(0, 1.0, None, 0.0), make_group(1, 1.0, 1.0, 1.0))

    # rollouts of 1 and 3 tokens, and of 1, 2 and 3
    assert batch.size == UpdateSize(
        num_rollouts=5, num_action_tokens=10, max_new_tokens=9
    )
    assert batch.num_informative == 1


def test_groups_of_equal_rewards_are_only_forwarded_for_the_kl_term() -> None:
    groups = (make_group(0, 1.0, None, 0.0), make_group(1, 1.0, 1.0, 1.0))

    without = batch_of(*groups)
    with_kl = batch_of(*groups, objective=make_objective(kl_beta=0.1))

    assert [len(group.actions.actions) for group in without.groups] == [2]
    assert [len(group.actions.actions) for group in with_kl.groups] == [2, 3]
    assert with_kl.groups[1].advantages.tolist() == [0.0, 0.0, 0.0]


def test_failed_samples_leave_no_row() -> None:
    (group,) = batch_of(make_group(0, 1.0, None, 0.0)).groups

    assert group.actions.actions == ((0,), (2, 2, 2))
    assert group.sampled_logprobs == ((-0.5,), (-0.5,) * 3)
    assert group.advantages.tolist() == pytest.approx([1.0, -1.0], abs=1e-5)


@pytest.mark.parametrize("max_tokens", [1, 8, 12, 1000])
def test_parts_hold_every_rollout_once_with_its_advantage(max_tokens: int) -> None:
    rewards = (1.0, 0.0, 0.5, 0.25)
    groups = batch_of(*(make_group(index, *rewards) for index in range(3))).groups

    parts = split_groups(groups, max_tokens=max_tokens)

    def rows(pieces):  # type: ignore[no-untyped-def]
        return sorted(
            (tuple(piece.actions.prompt_ids), tuple(action), advantage)
            for piece in pieces
            for action, advantage in zip(
                piece.actions.actions, piece.advantages.tolist(), strict=True
            )
        )

    assert rows(piece for part in parts for piece in part) == rows(groups)


def test_a_part_stays_within_the_limit_unless_one_action_does_not() -> None:
    groups = batch_of(make_group(0, 1.0, 0.0, 0.5, 0.25)).groups

    # prompt of 5; actions of 1, 2, 3 and 4 tokens
    parts = split_groups(groups, max_tokens=9)

    costs = [sum(5 + p.actions.num_action_tokens for p in part) for part in parts]
    assert costs == [8, 8, 9]
