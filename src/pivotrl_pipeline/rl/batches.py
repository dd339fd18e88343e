"""Rollouts as tensors, in parts that fit into one forward.

The weight of every token is fixed for the whole update before it is divided, so the
gradients of the parts add up to the gradient of the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters
from pivotrl_pipeline.policies.groups import ActionGroup, batch_groups
from pivotrl_pipeline.rl.advantages import compute_advantages, find_informative_groups
from pivotrl_pipeline.rl.loss import UpdateSize
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup


@dataclass(frozen=True, slots=True)
class WeightedGroup:
    """Actions at one state with their advantages."""

    actions: ActionGroup
    advantages: Float[Tensor, " rollout"]
    sampled_logprobs: tuple[tuple[float, ...], ...]
    """As reported by the sampler; only compared with, never learnt from."""
    sequence_tokens: Float[Tensor, " rollout"] | None = None
    """Action tokens of the episode that each action is a part of; None where each
    stands for itself."""


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    """What one update learns from."""

    groups: tuple[WeightedGroup, ...]
    """Those that have a gradient."""
    size: UpdateSize
    num_groups: int
    """All of the update."""
    num_informative: int
    """Those with two different rewards."""


def make_batch(
    groups: Sequence[RolloutGroup],
    objective: ObjectiveParameters,
    *,
    max_new_tokens: int,
) -> UpdateBatch:
    """The judged rollouts with their advantages.

    The means of the loss count every judged rollout (Eq. 7), but a group of equal
    rewards has no gradient beside that of the KL term, so it is left out where
    kl_beta is 0. Failed samples are left out of everything.
    """
    nan = float("nan")
    rewards = torch.tensor(
        [[nan if r.reward is None else r.reward for r in g.rollouts] for g in groups],
        dtype=torch.float64,
    )
    judged_mask = ~rewards.isnan()
    informative = find_informative_groups(rewards, judged_mask).tolist()
    advantages = compare_rewards(rewards, judged_mask, objective)
    judged = [rollout for group in groups for rollout in group.judged]
    return UpdateBatch(
        groups=tuple(
            WeightedGroup(
                _to_action_group(group),
                advantages[index, judged_mask[index]].float(),
                tuple(rollout.sample.logprobs for rollout in group.judged),
            )
            for index, group in enumerate(groups)
            if informative[index] or (objective.kl_beta > 0 and group.judged)
        ),
        size=UpdateSize(
            num_rollouts=len(judged),
            num_action_tokens=sum(len(r.sample.token_ids) for r in judged),
            max_new_tokens=max_new_tokens,
        ),
        num_groups=len(groups),
        num_informative=sum(informative),
    )


def compare_rewards(
    rewards: Float[Tensor, "group rollout"],
    judged_mask: Bool[Tensor, "group rollout"],
    objective: ObjectiveParameters,
) -> Float[Tensor, "group rollout"]:
    """The advantages that the objective asks for."""
    return compute_advantages(
        rewards,
        judged_mask,
        baseline=objective.baseline,
        std_scope=objective.std_scope,
        std_ddof=objective.std_ddof,
        std_epsilon=objective.std_epsilon,
    )


def split_groups(
    groups: Sequence[WeightedGroup], *, max_tokens: int
) -> list[list[WeightedGroup]]:
    """Parts of at most ``max_tokens`` tokens, each group's prompt counted once.

    A group that is too large is divided, its prompt repeated; a single action that is
    too long stands alone.
    """
    pieces = [piece for group in groups for piece in _divide(group, max_tokens)]
    action_groups = [piece.actions for piece in pieces]
    return [
        [pieces[index] for index in indices]
        for indices in batch_groups(action_groups, max_tokens=max_tokens)
    ]


def _divide(group: WeightedGroup, max_tokens: int) -> list[WeightedGroup]:
    num_actions = len(group.actions.actions)
    cost = len(group.actions.prompt_ids) + group.actions.num_action_tokens
    if cost <= max_tokens or num_actions == 1:
        return [group]
    middle = num_actions // 2
    return [
        piece
        for rows in (slice(0, middle), slice(middle, num_actions))
        for piece in _divide(_select(group, rows), max_tokens)
    ]


def _select(group: WeightedGroup, rows: slice) -> WeightedGroup:
    return WeightedGroup(
        ActionGroup(group.actions.prompt_ids, group.actions.actions[rows]),
        group.advantages[rows],
        group.sampled_logprobs[rows],
        None if group.sequence_tokens is None else group.sequence_tokens[rows],
    )


def _to_action_group(group: RolloutGroup) -> ActionGroup:
    return ActionGroup(
        group.pivot.prompt_ids,
        tuple(rollout.sample.token_ids for rollout in group.judged),
    )
