"""Keys and values of conversations, kept between the turns of an episode."""

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from pivotrl_pipeline.policies.chains import (
    NO_PAST,
    Known,
    Past,
    PromptMemory,
    join_layers,
)
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.prefix_tree import Tokens, count_shared


@dataclass(frozen=True, slots=True)
class _Conversation:
    tokens: Tokens
    root: Past
    """What it begins with; others share it."""
    layers: list[KeysValues]
    """Of the tokens beyond the root."""

    @property
    def num_own(self) -> int:
        return len(self.tokens) - self.root.num_tokens


class ConversationCache:
    """What the model has seen of each conversation, up to a number of tokens.

    What conversations begin with, their root, is kept once. The conversations that were
    not used for longest go first. What is kept is looked up by its tokens: a prompt
    takes over as much as it begins with, so a wrong key, or a template that rewrites
    history, costs time and never changes a sample.
    """

    def __init__(self, max_tokens: int) -> None:
        self.prompts = PromptMemory()
        """Of the last call without conversations."""
        self._max_tokens = max_tokens
        self._root = NO_PAST
        self._conversations: dict[Hashable, _Conversation] = {}
        self._seen: dict[Hashable, Tokens] = {}
        self._ended_lengths: list[int] = []

    @property
    def num_tokens(self) -> int:
        """Tokens kept."""
        roots = {id(each.root): each.root for each in self._conversations.values()}
        roots[id(self._root)] = self._root
        own = sum(each.num_own for each in self._conversations.values())
        return own + sum(root.num_tokens for root in roots.values())

    def count_fitting(
        self, prompts: Sequence[Sequence[int]], conversations: Sequence[Hashable]
    ) -> int:
        """How many of these conversations, the first ones, should go on together.

        As many as have room to grow as long as conversations become, while the others
        stay as they are: what was dropped goes through the model again, and to wait
        costs nothing. Those that have not ended are taken to be halfway.
        """
        tokens = [np.asarray(prompt, dtype=np.int64) for prompt in prompts]
        root = self._root if _all_continue(self._root, tokens) else NO_PAST
        kept = [self._count_own(key) for key in conversations]
        known = [*self._ended_lengths, *(2 * own for own in kept if own)]
        expected = statistics.fmean(known) if known else 0
        room = float(self._max_tokens - root.num_tokens - sum(kept))
        num_fitting = 0
        for prompt, own in zip(prompts, kept, strict=True):
            room -= max(len(prompt) - root.num_tokens, expected) - own
            if room < 0:
                break
            num_fitting += 1
        return max(1, num_fitting)

    def forget(self, conversations: Sequence[Hashable]) -> None:
        """Frees what is kept of conversations that have ended."""
        for key in conversations:
            self._conversations.pop(key, None)
            seen = self._seen.pop(key, None)
            if seen is not None:
                self._ended_lengths.append(len(seen) - self._root.num_tokens)

    def find_known(
        self,
        prompts: Sequence[Tokens],
        prompt_of_row: Sequence[int],
        keys: Sequence[Hashable],
    ) -> Known:
        """What is known of prompts' beginnings; of each at least the last token is not.

        Args:
            prompts: Distinct.
            prompt_of_row: Into them.
            keys: The conversation of each row.
        """
        root = self._root if _all_continue(self._root, prompts) else NO_PAST
        pasts: dict[int, Past] = {}
        for index, key in zip(prompt_of_row, keys, strict=True):
            past = self._find_past(key, prompts[index], root)
            if past.num_tokens:
                pasts[index] = past
        seen = [self._root.tokens] if self._root.num_tokens else []
        seen.extend(self._seen.values())
        has_known = bool(pasts) or root.num_tokens > 0
        return Known(root if has_known else None, pasts, seen)

    def store(
        self,
        key: Hashable,
        tokens: Sequence[int],
        root: Past,
        layers: list[KeysValues],
    ) -> None:
        """Keeps a conversation, in place of what was kept under its key.

        Args:
            key: The conversation.
            tokens: All that was forwarded of it.
            root: What it begins with.
            layers: Keys and values of the tokens beyond the root.
        """
        self._conversations.pop(key, None)
        known = np.asarray(tokens, dtype=np.int64)
        self._conversations[key] = _Conversation(known, root, layers)
        self._seen[key] = known
        if root.num_tokens:
            self._root = root

    def shrink(self) -> None:
        """Drops what was not used for longest, until the rest fits."""
        excess = self.num_tokens - self._max_tokens
        for other in list(self._conversations):
            if excess <= 0:
                return
            excess -= self._conversations.pop(other).num_own

    def _count_own(self, key: Hashable) -> int:
        conversation = self._conversations.get(key)
        return conversation.num_own if conversation else 0

    def _find_past(self, key: Hashable, prompt: Tokens, root: Past) -> Past:
        conversation = self._conversations.get(key)
        if conversation is None:
            return NO_PAST
        shared = min(count_shared(conversation.tokens, prompt), len(prompt) - 1)
        if shared <= root.num_tokens:
            return NO_PAST
        if conversation.root is root:
            layers, first = conversation.layers, 0
        else:
            layers = join_layers([conversation.root.layers, conversation.layers])
            first = root.num_tokens
        stop = first + shared - root.num_tokens
        return Past(
            prompt[root.num_tokens : shared],
            [
                KeysValues(layer.keys[:, :, first:stop], layer.values[:, :, first:stop])
                for layer in layers
            ],
        )


def _all_continue(root: Past, prompts: Sequence[Tokens]) -> bool:
    """Whether all prompts begin with the root and go on after it."""
    return all(
        len(prompt) > root.num_tokens
        and np.array_equal(prompt[: root.num_tokens], root.tokens)
        for prompt in prompts
    )
