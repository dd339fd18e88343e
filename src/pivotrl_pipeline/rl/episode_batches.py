"""Whole episodes as what an update learns from.

Every assistant turn is an action at its own prompt, with the token ids that were
sampled. Turns of an episode are prefixes of each other, and the episodes of a task
begin alike, so the forward computes what they share once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters
from pivotrl_pipeline.policies.groups import ActionGroup
from pivotrl_pipeline.rl.advantages import find_informative_groups
from pivotrl_pipeline.rl.batches import UpdateBatch, WeightedGroup, compare_rewards
from pivotrl_pipeline.rl.loss import UpdateSize
from pivotrl_pipeline.sampling.episodes import EpisodeOutcome, SampledTurn


def make_episode_batch(
    groups: Sequence[Sequence[EpisodeOutcome]],
    objective: ObjectiveParameters,
    *,
    max_new_tokens: int,
) -> UpdateBatch:
    """The turns of all episodes with their episode's advantage.

    A sequence of the objective is an episode. With ``sequence_mean`` the loss is the
    mean over all action tokens of an episode, then over episodes: episodes weigh the
    same however long they are, and so do the tokens of an episode, whichever turn they
    belong to. With ``constant`` the sum is divided by episodes x ``max_new_tokens``. A
    group of equal rewards has no gradient beside that of the KL term, so it is left
    out where kl_beta is 0; it is counted all the same.

    Args:
        groups: The episodes of each task, as many of each.
        objective: Compares their rewards: 1 for success, else 0.
        max_new_tokens: Limit per action.
    """
    rewards = torch.tensor(
        [[float(episode.success) for episode in group] for group in groups],
        dtype=torch.float64,
    )
    judged_mask = torch.ones_like(rewards, dtype=torch.bool)
    informative = find_informative_groups(rewards, judged_mask).tolist()
    advantages = compare_rewards(rewards, judged_mask, objective).tolist()
    states: dict[tuple[int, ...], _State] = {}
    for group, is_informative, values in zip(
        groups, informative, advantages, strict=True
    ):
        if not is_informative and objective.kl_beta == 0:
            continue
        for episode, advantage in zip(group, values, strict=True):
            num_tokens = _count_tokens(episode)
            for turn in episode.turns:
                state = states.setdefault(turn.prompt_ids, _State())
                state.add(turn, advantage, num_tokens)
    episodes = [episode for group in groups for episode in group]
    return UpdateBatch(
        groups=tuple(state.to_group(prompt) for prompt, state in states.items()),
        size=UpdateSize(
            num_rollouts=len(episodes),
            num_action_tokens=sum(map(_count_tokens, episodes)),
            max_new_tokens=max_new_tokens,
        ),
        num_groups=len(groups),
        num_informative=sum(informative),
    )


@dataclass(slots=True)
class _State:
    """The turns that were taken at one prompt."""

    turns: list[SampledTurn] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    sequence_tokens: list[float] = field(default_factory=list)

    def add(self, turn: SampledTurn, advantage: float, num_tokens: int) -> None:
        """One more turn, of an episode with so many action tokens."""
        self.turns.append(turn)
        self.advantages.append(advantage)
        self.sequence_tokens.append(float(num_tokens))

    def to_group(self, prompt_ids: tuple[int, ...]) -> WeightedGroup:
        """All of them as tensors."""
        return WeightedGroup(
            ActionGroup(
                prompt_ids, tuple(turn.sample.token_ids for turn in self.turns)
            ),
            torch.tensor(self.advantages),
            tuple(turn.sample.logprobs for turn in self.turns),
            torch.tensor(self.sequence_tokens),
        )


def _count_tokens(episode: EpisodeOutcome) -> int:
    return sum(len(turn.sample.token_ids) for turn in episode.turns)
