"""What a policy is to the rest of the package: token ids in, token ids out."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import State


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How actions are drawn."""

    temperature: float
    """0 means greedy."""
    top_p: float
    """1 keeps the whole distribution."""
    max_new_tokens: int
    """Limit per action; reaching it gives `FinishReason.LENGTH`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled action as tokens."""

    token_ids: tuple[int, ...]
    """The stop token included where one was sampled."""
    logprobs: tuple[float, ...]
    """One per token, natural log, under the distribution sampled from."""
    finish_reason: FinishReason


class PolicyCache(Protocol):
    """What a policy remembers of conversations between calls; only ever a speed-up."""

    def count_fitting(
        self, prompts: Sequence[Sequence[int]], conversations: Sequence[Hashable]
    ) -> int:
        """How many of these conversations, the first ones, should go on together.

        At least one. More of them would push each other out of the cache, and cost
        their whole prompts again.
        """
        ...

    def forget(self, conversations: Sequence[Hashable]) -> None:
        """Frees what is kept of conversations that have ended."""
        ...


class Policy(Protocol):
    """A model that acts."""

    def render(self, state: State) -> list[int]:
        """Token ids of the state, ending with the generation prompt."""
        ...

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
        *,
        cache: PolicyCache | None = None,
        conversations: Sequence[Hashable] | None = None,
    ) -> list[list[Sample]]:
        """One sample per prompt and seed, in their order.

        Prompts of one call may be prefixes of each other: each unique token goes
        through the model once. A sample depends on its prompt, its seed and the
        settings alone.

        Args:
            prompts: Token ids, as `render` gives them.
            seeds: For each prompt, one per sample.
            settings: How tokens are drawn.
            cache: From this policy's `open_cache`; a prompt that begins with what its
                conversation held before costs its new tokens only, and without
                conversations the prompts of the call before cost nothing again. It
                holds as long as the policy's weights stay what they are.
            conversations: One key per prompt; only with a cache.
        """
        ...

    def open_cache(self) -> PolicyCache:
        """An empty memory of conversations, for episodes of many turns."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text with special tokens, without a final stop token."""
        ...

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """The action in sampled text; never raises.

        Args:
            text: As `decode` gives it.
            tools: That the state offered: some notations leave types to their schemas.
        """
        ...
