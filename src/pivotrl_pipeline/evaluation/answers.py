"""Answers to single questions: what out-of-domain suites ask of a policy."""

from collections.abc import Sequence

from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.records.messages import Message, Role
from pivotrl_pipeline.records.trajectories import State


def answer_greedily(
    policy: Policy, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
) -> list[str]:
    """The sampled text after each conversation, special tokens included."""
    prompts = [policy.render(State(tuple(each), tools=())) for each in conversations]
    settings = SamplingSettings(
        temperature=0.0, top_p=1.0, max_new_tokens=max_new_tokens
    )
    samples = policy.sample(prompts, [[0] for _ in prompts], settings)
    return [policy.decode(sample.token_ids) for (sample,) in samples]


def read_answer(policy: Policy, text: str) -> str:
    """What the text says after its reasoning; empty where it says nothing."""
    return policy.parse(text, ()).content or ""


def make_question(instruction: str, question: str) -> tuple[Message, ...]:
    """A user message, after a system message where there is an instruction."""
    asked = Message(Role.USER, question)
    return (Message(Role.SYSTEM, instruction), asked) if instruction else (asked,)
