"""Advantages: each reward relative to its rollout group.

Engines agree on the idea and on nothing else: which rewards are averaged, whose
standard deviation divides, with which denominator and epsilon. Each choice is an
argument here. Rewards of failed samples are masked out and take part in nothing.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def find_informative_groups(
    rewards: Float[Tensor, "group rollout"], judged_mask: Bool[Tensor, "group rollout"]
) -> Bool[Tensor, " group"]:
    """True where a group holds two different rewards.

    Every advantage of any other group is 0 (paper, Proposition 3.1).
    """
    return _spread(rewards, judged_mask) > 0


def compute_advantages(
    rewards: Float[Tensor, "group rollout"],
    judged_mask: Bool[Tensor, "group rollout"],
    *,
    baseline: Literal["group_mean", "leave_one_out"],
    std_scope: Literal["group", "batch", "none"],
    std_ddof: Literal[0, 1],
    std_epsilon: float,
) -> Float[Tensor, "group rollout"]:
    """``(reward - baseline) / (std + std_epsilon)``, exactly 0 where not informative.

    The baseline is the mean of the group's judged rewards (``group_mean``), or of the
    others among them (``leave_one_out``). With ``std_scope`` ``group`` the standard
    deviation is that of the same rewards as the baseline's; with ``batch`` that of
    all judged rewards; it divides by their number less ``std_ddof``. A standard
    deviation of 0 divides nothing: with ``leave_one_out`` the only success of a group
    keeps its plain difference.

    Args:
        rewards: One per rollout; values outside the mask are not read.
        judged_mask: True where the rollout has a reward.
        baseline: Which rewards are averaged.
        std_scope: Whose standard deviation divides.
        std_ddof: 0 for the population's, 1 for the sample's.
        std_epsilon: In reward.

    Source:
        Shao et al. 2024 (arXiv:2402.03300), section 4.1; leave-one-out as in NeMo-RL's
        ``calculate_baseline_and_std_per_prompt``; no standard deviation as in Liu et
        al. 2025 (arXiv:2503.20783).
    """
    rewards = torch.where(judged_mask, rewards, 0.0)
    compared_mask = _compared_mask(judged_mask, baseline)
    others = rewards.unsqueeze(1).expand(compared_mask.shape)
    counts = compared_mask.sum(-1)
    means = (others * compared_mask).sum(-1) / counts.clamp(min=1)
    advantages = rewards - means
    if std_scope == "group":
        std = _masked_std(others, compared_mask, ddof=std_ddof)
        advantages = _divide(advantages, std, std_epsilon)
    elif std_scope == "batch":
        std = _masked_std(rewards.flatten(), judged_mask.flatten(), ddof=std_ddof)
        advantages = _divide(advantages, std, std_epsilon)
    counts_mask = judged_mask & find_informative_groups(rewards, judged_mask)[:, None]
    return torch.where(counts_mask, advantages, 0.0)


def _compared_mask(
    judged_mask: Bool[Tensor, "group rollout"],
    baseline: Literal["group_mean", "leave_one_out"],
) -> Bool[Tensor, "group rollout other"]:
    """[g, i, j]: True where reward j counts in the baseline of rollout i."""
    group_size = judged_mask.shape[1]
    mask = judged_mask.unsqueeze(1).expand(-1, group_size, -1)
    if baseline == "group_mean":
        return mask
    itself = torch.eye(group_size, dtype=torch.bool, device=judged_mask.device)
    return mask & ~itself


def _masked_std(
    values: Float[Tensor, "*axes value"],
    mask: Bool[Tensor, "*axes value"],
    *,
    ddof: int,
) -> Float[Tensor, "*axes"]:
    counts = mask.sum(-1)
    means = (values * mask).sum(-1) / counts.clamp(min=1)
    squares = ((values - means.unsqueeze(-1)).square() * mask).sum(-1)
    std = (squares / (counts - ddof).clamp(min=1)).sqrt()
    # Equal values have a mean that differs from them by rounding: their std is 0.
    has_std = (_spread(values, mask) > 0) & (counts > ddof)
    return torch.where(has_std, std, 0.0)


def _spread(
    values: Float[Tensor, "*axes value"], mask: Bool[Tensor, "*axes value"]
) -> Float[Tensor, "*axes"]:
    """Largest less smallest masked value; negative infinity where there is none."""
    largest = values.masked_fill(~mask, -torch.inf).amax(-1)
    smallest = values.masked_fill(~mask, torch.inf).amin(-1)
    return largest - smallest


def _divide(
    advantages: Float[Tensor, "group rollout"], std: Tensor, epsilon: float
) -> Float[Tensor, "group rollout"]:
    return torch.where(std > 0, advantages / (std + epsilon), advantages)
