"""Stand-ins that tests share."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.records.messages import (
    Action,
    Message,
    Role,
    Tool,
    make_tool_call,
)
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import (
    PivotCandidate,
    State,
    Trajectory,
    make_candidate_id,
)

LOOKUP = Tool(
    "look_up",
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Finds a customer.",
            "parameters": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    },
)


class ForgetfulCache:
    """Keeps nothing."""

    def count_fitting(
        self, prompts: Sequence[Sequence[int]], conversations: Sequence[Hashable]
    ) -> int:
        """All of them."""
        return len(prompts)

    def forget(self, conversations: Sequence[Hashable]) -> None:
        """Nothing is kept of them."""


class CodePointPolicy:
    """Its tokens are the characters' code points."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """The characters."""
        return "".join(map(chr, token_ids))

    def open_cache(self) -> ForgetfulCache:
        """Nothing to keep."""
        return ForgetfulCache()


@dataclass
class ScriptedPolicy(CodePointPolicy):
    """A policy that says what is scripted."""

    script: dict[str, list[str]]
    """Replies by the last user or tool content, cycled through by the seed."""
    calls: list[int] = field(default_factory=list)
    """Number of samples drawn in each call."""
    failing: str | None = None
    """Prompts that end with this text cannot be sampled."""

    def render(self, state: State) -> list[int]:
        """All contents, one a line."""
        return [ord(c) for m in state.prefix for c in f"{m.content or ''}\n"]

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
        **_: object,
    ) -> list[list[Sample]]:
        """The scripted replies."""
        self.calls.append(sum(map(len, seeds)))
        texts = [self.decode(prompt).split("\n")[-2] for prompt in prompts]
        if self.failing in texts:
            raise PolicyError(f"the engine refused {self.failing!r}")
        return [
            [self._reply(text, seed, settings) for seed in of_prompt]
            for text, of_prompt in zip(texts, seeds, strict=True)
        ]

    def _reply(self, text: str, seed: int, settings: SamplingSettings) -> Sample:
        replies = self.script[text]
        tokens = tuple(map(ord, replies[seed % len(replies)]))
        cut = tokens[: settings.max_new_tokens]
        reason = FinishReason.STOP if cut == tokens else FinishReason.LENGTH
        return Sample(cut, (-0.5,) * len(cut), reason)

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """A message."""
        return Action(content=text)


class UnusedPolicy:
    """A policy that must not be asked."""

    def __getattr__(self, name: str) -> object:
        """Raises.

        Raises:
            AssertionError: Always.
        """
        raise AssertionError(f"the policy was asked for {name}")


def make_trajectory(trajectory_id: str, questions: Sequence[str]) -> Trajectory:
    """A conversation in which each question is answered by a look-up and a message."""
    messages: list[Message] = []
    for index, question in enumerate(questions):
        call = make_tool_call("look_up", {"name": question}, f"call_{index}")
        messages += [
            Message(Role.USER, question),
            Message(Role.ASSISTANT, tool_calls=(call,)),
            Message(Role.TOOL, f"found {question}", tool_call_id=f"call_{index}"),
            Message(Role.ASSISTANT, f"{question} it is."),
        ]
    return Trajectory(
        trajectory_id=trajectory_id,
        task_id=f"task-{trajectory_id}",
        domain="test",
        messages=tuple(messages),
        tools=(LOOKUP,),
        success=True,
    )


def make_candidates(trajectory: Trajectory) -> list[PivotCandidate]:
    """Every assistant turn."""
    return [
        PivotCandidate(
            make_candidate_id(trajectory.trajectory_id, turn_index),
            trajectory.trajectory_id,
            turn_index,
            message_index,
            Action.from_message(trajectory.messages[message_index]),
        )
        for turn_index, message_index in enumerate(trajectory.turn_message_indices)
    ]
