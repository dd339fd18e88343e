"""Keys and values of conversations, kept between the turns of an episode."""

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from pivotrl_pipeline.policies.chains import NO_PAST, Past, PromptMemory
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.prefix_tree import Tokens, count_shared


@dataclass(frozen=True, slots=True)
class _Conversation:
    tokens: Tokens
    layers: list[KeysValues]


class ConversationCache:
    """What the model has seen of each conversation, up to a number of tokens.

    The conversations that were not used for longest go first. What is kept is looked up
    by its tokens: a prompt takes over as much as it begins with, so a wrong key, or a
    template that rewrites history, costs time and never changes a sample.
    """

    def __init__(self, max_tokens: int) -> None:
        self.prompts = PromptMemory()
        """Of the last call without conversations."""
        self._max_tokens = max_tokens
        self._conversations: dict[Hashable, _Conversation] = {}
        self._seen: dict[Hashable, Tokens] = {}

    @property
    def num_tokens(self) -> int:
        """Tokens kept."""
        return sum(len(each.tokens) for each in self._conversations.values())

    @property
    def seen(self) -> list[Tokens]:
        """What the model has seen of each conversation, kept or not."""
        return list(self._seen.values())

    def count_fitting(self, prompts: Sequence[Sequence[int]]) -> int:
        """How many of these conversations, the first ones, can be kept together."""
        ends = itertools.accumulate(map(len, prompts))
        return max(1, sum(end <= self._max_tokens for end in ends))

    def forget(self, conversations: Sequence[Hashable]) -> None:
        """Frees what is kept of conversations that have ended."""
        for key in conversations:
            self._conversations.pop(key, None)
            self._seen.pop(key, None)

    def find_past(self, key: Hashable, prompt: Tokens) -> Past:
        """What is known of a prompt's beginning; at least its last token is not."""
        known = self._conversations.get(key)
        if known is None:
            return NO_PAST
        shared = min(count_shared(known.tokens, prompt), len(prompt) - 1)
        if shared == 0:
            return NO_PAST
        return Past(
            shared,
            [
                KeysValues(layer.keys[:, :, :shared], layer.values[:, :, :shared])
                for layer in known.layers
            ],
        )

    def store(
        self, key: Hashable, tokens: Sequence[int], layers: list[KeysValues]
    ) -> None:
        """Keeps a conversation, in place of what was kept under its key."""
        self._conversations.pop(key, None)
        known = np.asarray(tokens, dtype=np.int64)
        self._conversations[key] = _Conversation(known, layers)
        self._seen[key] = known
        excess = self.num_tokens - self._max_tokens
        for other in list(self._conversations):
            if excess <= 0:
                break
            excess -= len(self._conversations.pop(other).tokens)
