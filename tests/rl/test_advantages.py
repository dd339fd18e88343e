"""Advantages by hand, under every choice that engines disagree on."""

import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pivotrl_pipeline.rl.advantages import compute_advantages, find_informative_groups


def advantages_of(
    rewards: list[list[float | None]],
    *,
    baseline: Literal["group_mean", "leave_one_out"] = "group_mean",
    std_scope: Literal["group", "batch", "none"] = "group",
    std_ddof: Literal[0, 1] = 0,
    std_epsilon: float = 0.0,
) -> Tensor:
    filled = [[math.nan if r is None else r for r in group] for group in rewards]
    values = torch.tensor(filled, dtype=torch.float64)
    return compute_advantages(
        values,
        ~values.isnan(),
        baseline=baseline,
        std_scope=std_scope,
        std_ddof=std_ddof,
        std_epsilon=std_epsilon,
    )


def successes(num_successes: int, group_size: int = 16) -> list[list[float | None]]:
    failures = group_size - num_successes
    return [[1.0] * num_successes + [0.0] * failures]


# Group of 16, binary rewards, p = successes / 16: success (1 - p) / sqrt(p (1 - p)),
# failure -p / sqrt(p (1 - p)).
@pytest.mark.parametrize(
    ("num_successes", "success", "failure"),
    [
        (1, 3.87, -0.26),
        (2, 2.65, -0.38),
        (4, 1.73, -0.58),
        (8, 1, -1),
        (15, 0.26, -3.87),
    ],
)
def test_the_papers_advantages_of_a_group_of_sixteen(
    num_successes: int, success: float, failure: float
) -> None:
    advantages = advantages_of(successes(num_successes))

    assert advantages[0, 0].item() == pytest.approx(success, abs=5e-3)
    assert advantages[0, -1].item() == pytest.approx(failure, abs=5e-3)


# The other 15 hold q successes: mean q/15, variance q/15 (1 - q/15) 15/14. A lone
# success has fifteen equal failures beside it, so nothing divides its 1 - 0; one
# failure among fifteen successes likewise keeps 0 - 1.
@pytest.mark.parametrize(
    ("num_successes", "success", "failure"),
    [
        (1, 1, -0.26),
        (2, 3.61, -0.38),
        (4, 1.93, -0.58),
        (8, 1.03, -1.03),
        (15, 0.26, -1),
    ],
)
def test_nemo_rls_advantages_of_a_group_of_sixteen(
    num_successes: int, success: float, failure: float
) -> None:
    advantages = advantages_of(
        successes(num_successes), baseline="leave_one_out", std_ddof=1, std_epsilon=1e-6
    )

    assert advantages[0, 0].item() == pytest.approx(success, abs=5e-3)
    assert advantages[0, -1].item() == pytest.approx(failure, abs=5e-3)


def test_trl_divides_by_the_sample_deviation_and_an_epsilon() -> None:
    advantages = advantages_of([[1.0, 0.0, 0.0, 0.0]], std_ddof=1, std_epsilon=1e-4)

    # mean 1/4; squares 9/16 + 3 x 1/16 = 3/4; over 3: variance 1/4, std 1/2
    assert advantages[0].tolist() == pytest.approx(
        [0.75 / 0.5001] + [-0.25 / 0.5001] * 3
    )


def test_dr_grpo_divides_by_nothing() -> None:
    advantages = advantages_of([[1.0, 0.0, 0.0, 0.5]], std_scope="none")

    # mean 3/8
    assert advantages[0].tolist() == [0.625, -0.375, -0.375, 0.125]


def test_batch_scope_divides_every_group_by_the_deviation_of_all_rewards() -> None:
    advantages = advantages_of([[1.0, 0.0], [1.0, 1.0]], std_scope="batch")

    # all four: mean 3/4, squares 3 x 1/16 + 9/16 = 3/4, over 4: std sqrt(3)/4;
    # the baseline stays the group's 1/2, and the group of equal rewards stays at 0
    expected = 0.5 / (math.sqrt(3) / 4)
    assert advantages.flatten().tolist() == pytest.approx([expected, -expected, 0, 0])


@pytest.mark.parametrize("baseline", ["group_mean", "leave_one_out"])
def test_failed_samples_take_part_in_nothing(
    baseline: Literal["group_mean", "leave_one_out"],
) -> None:
    padded = advantages_of([[1.0, None, 0.0, 0.0, None]], baseline=baseline)
    plain = advantages_of([[1.0, 0.0, 0.0]], baseline=baseline)

    assert padded[0, [0, 2, 3]].tolist() == plain[0].tolist()
    assert padded[0, [1, 4]].tolist() == [0.0, 0.0]


# A third of 0.1 + 0.1 + 0.1 is not 0.1: rounding must not pass for a deviation.
@pytest.mark.parametrize(
    "group", [[0.1, 0.1, 0.1], [0.0, 0.0], [1.0, None], [None, None]]
)
@pytest.mark.parametrize("baseline", ["group_mean", "leave_one_out"])
@pytest.mark.parametrize("std_scope", ["group", "batch", "none"])
def test_a_group_without_two_different_rewards_has_no_advantages(
    group: list[float | None],
    baseline: Literal["group_mean", "leave_one_out"],
    std_scope: Literal["group", "batch", "none"],
) -> None:
    advantages = advantages_of([group], baseline=baseline, std_scope=std_scope)

    assert advantages[0].tolist() == [0.0] * len(group)


def test_leave_one_out_of_two_rewards_is_left_undivided() -> None:
    advantages = advantages_of([[1.0, 0.0]], baseline="leave_one_out", std_ddof=1)

    assert advantages[0].tolist() == [1.0, -1.0]


def test_group_mean_advantages_sum_to_zero_and_rise_with_the_reward() -> None:
    advantages = advantages_of([[0.9, 0.1, 0.4, 0.6]])[0]

    assert advantages.sum().item() == pytest.approx(0.0, abs=1e-12)
    assert advantages.argsort().tolist() == [1, 2, 3, 0]


def test_groups_with_two_different_judged_rewards_are_informative() -> None:
    rewards = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    judged_mask = torch.tensor([[True, True], [True, True], [True, False]])

    informative = find_informative_groups(rewards, judged_mask)

    assert informative.tolist() == [True, False, False]


def slow_advantages(
    rewards: list[list[float | None]],
    baseline: str,
    std_scope: str,
    std_ddof: int,
    std_epsilon: float,
) -> list[list[float]]:
    def std_of(values: list[float]) -> float:
        if len(values) <= std_ddof or len(set(values)) < 2:
            return 0.0
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        return math.sqrt(squares / (len(values) - std_ddof))

    everything = [r for group in rewards for r in group if r is not None]
    result = []
    for group in rewards:
        judged = [r for r in group if r is not None]
        row = []
        for index, reward in enumerate(group):
            if reward is None or len(set(judged)) < 2:
                row.append(0.0)
                continue
            others = [r for j, r in enumerate(group) if r is not None and j != index]
            compared = others if baseline == "leave_one_out" else judged
            advantage = reward - sum(compared) / len(compared)
            std = {
                "group": std_of(compared),
                "batch": std_of(everything),
                "none": 0.0,
            }[std_scope]
            row.append(advantage / (std + std_epsilon) if std > 0 else advantage)
        result.append(row)
    return result


REWARDS = st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))


@given(
    rewards=st.integers(1, 6).flatmap(
        lambda size: st.lists(
            st.lists(REWARDS, min_size=size, max_size=size), min_size=1, max_size=4
        )
    ),
    baseline=st.sampled_from(["group_mean", "leave_one_out"]),
    std_scope=st.sampled_from(["group", "batch", "none"]),
    std_ddof=st.sampled_from([0, 1]),
    std_epsilon=st.sampled_from([0.0, 1e-4]),
)
@settings(max_examples=60, deadline=None)
def test_advantages_agree_with_an_explicit_loop(
    rewards: list[list[float | None]],
    baseline: Literal["group_mean", "leave_one_out"],
    std_scope: Literal["group", "batch", "none"],
    std_ddof: Literal[0, 1],
    std_epsilon: float,
) -> None:
    advantages = advantages_of(
        rewards,
        baseline=baseline,
        std_scope=std_scope,
        std_ddof=std_ddof,
        std_epsilon=std_epsilon,
    )

    expected = slow_advantages(rewards, baseline, std_scope, std_ddof, std_epsilon)
    flat = [value for row in expected for value in row]
    assert advantages.flatten().tolist() == pytest.approx(flat, abs=1e-9)
