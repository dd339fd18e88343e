"""Actions that share a prompt, as token ids: what an update asks a policy about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pivotrl_pipeline.policies.prefix_tree import count_shared


@dataclass(frozen=True, slots=True)
class ActionGroup:
    """The actions sampled at one state."""

    prompt_ids: Sequence[int]
    """The rendered state; not empty, since the first action token is predicted from
    its last token."""
    actions: Sequence[Sequence[int]]
    """One entry per action: its token ids as sampled."""

    def __post_init__(self) -> None:
        """Refuses a prompt without tokens.

        Raises:
            ValueError: If the prompt is empty.
        """
        if len(self.prompt_ids) == 0:
            raise ValueError(
                "ActionGroup.prompt_ids is empty; the first action token is predicted "
                "from the last prompt token: give at least one (the rendered state)."
            )

    @property
    def max_action_tokens(self) -> int:
        """Length of the longest action: the width of the group's tensors."""
        return max((len(action) for action in self.actions), default=0)

    @property
    def num_plain_tokens(self) -> int:
        """Tokens of a forward that repeats the prompt for each action."""
        return len(self.prompt_ids) * len(self.actions) + self.num_action_tokens

    @property
    def num_action_tokens(self) -> int:
        """Tokens of all actions."""
        return sum(len(action) for action in self.actions)


def batch_groups(
    groups: Sequence[ActionGroup], *, max_tokens: int
) -> Iterator[list[int]]:
    """Indices of groups that go into one forward, at most ``max_tokens`` each.

    Groups whose prompts begin alike come together, so that what they share is
    forwarded once, and is counted once. Actions are counted in full, though a prompt
    may begin with one (the turns of an episode): a batch never exceeds ``max_tokens``
    unless a single group does, which then stands alone.
    """
    order = sorted(
        range(len(groups)), key=lambda index: tuple(groups[index].prompt_ids)
    )
    batch: list[int] = []
    num_tokens = 0
    previous = np.empty(0, dtype=np.int64)
    for index in order:
        group = groups[index]
        prompt = np.asarray(group.prompt_ids, dtype=np.int64)
        cost = len(prompt) + group.num_action_tokens
        # In sorted order the prompt before shares as much as any.
        shared = count_shared(previous, prompt)
        if batch and num_tokens + cost - shared > max_tokens:
            yield batch
            batch, num_tokens, shared = [], 0, 0
        batch.append(index)
        num_tokens += cost - shared
        previous = prompt
    if batch:
        yield batch
