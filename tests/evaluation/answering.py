"""A policy that answers a conversation by a function of its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fakes import CodePointPolicy
from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import State


@dataclass
class AnsweringPolicy(CodePointPolicy):
    """A policy that answers as it is told."""

    answer: Callable[[str], str]
    """From the contents of all messages, a blank line between two."""
    limits: list[int] = field(default_factory=list)
    """Of the tokens, in each call."""

    def render(self, state: State) -> list[int]:
        """All contents."""
        return [ord(c) for c in "\n\n".join(m.content or "" for m in state.prefix)]

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
        **_: object,
    ) -> list[list[Sample]]:
        """The answers, whole."""
        self.limits.append(settings.max_new_tokens)
        answers = [self.answer(self.decode(prompt)) for prompt in prompts]
        return [
            [Sample(tuple(map(ord, text)), (0.0,) * len(text), FinishReason.STOP)]
            for text in answers
        ]

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """As a policy with reasoning."""
        return parse_action(text, tools)
