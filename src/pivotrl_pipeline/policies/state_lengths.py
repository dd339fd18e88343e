"""How many tokens the states of trajectories have, at the tokenizer's own speed.

The states of a trajectory are beginnings of each other, and so, with most templates,
are their texts: then one text a trajectory is rendered and tokenised, many at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pivotrl_pipeline.policies.template_probe import TemplateFacts
from pivotrl_pipeline.records.messages import Message, Role
from pivotrl_pipeline.records.trajectories import State

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

BATCH_CHARACTERS = 2**20
"""Tokenised at one time; a token takes about 100 bytes meanwhile."""


def render_states(
    states: Sequence[State], facts: TemplateFacts, render: Callable[[State], str]
) -> list[str]:
    """The text of each state, cut from that of the last where that is the same.

    A template that only appends begins every assistant turn with its generation
    prompt. Where that stands in the last text once for each turn, the text of a state
    can only end at the place that belongs to its turn. This is tried on two states;
    if it does not hold, every state is rendered.

    Args:
        states: Of one trajectory, in the order of its turns.
        facts: What the template does.
        render: The text of one state.
    """
    if len(states) > 1 and facts.is_append_only and _is_settled(states[-1].prefix):
        last = render(states[-1])
        ends = list(_find_ends(last, facts.generation_prompt))
        turns = [_count_turns(state.prefix) for state in states]
        if len(ends) == turns[-1] + 1:
            texts = [last[: ends[turn]] for turn in turns]
            tried = (0, len(states) // 2)
            if all(texts[place] == render(states[place]) for place in tried):
                return texts
    return [render(state) for state in states]


def count_tokens(
    tokenizer: "Tokenizer", texts_of_groups: Iterable[Sequence[str]]
) -> Iterator[list[int]]:
    """Tokens of each text; those that begin a later one of their group cost nothing.

    Args:
        tokenizer: Neither truncates nor pads. No special tokens are added.
        texts_of_groups: Taken as they are needed.
    """
    covers: list[str] = []
    groups: list[list[tuple[int, int]]] = []
    num_characters = 0
    for texts in texts_of_groups:
        num_earlier = len(covers)
        group = []
        for text in reversed(texts):
            if len(covers) == num_earlier or not covers[-1].startswith(text):
                covers.append(text)
                num_characters += len(text)
            group.append((len(covers) - 1, len(text)))
        groups.append(group[::-1])
        if num_characters >= BATCH_CHARACTERS:
            yield from _count_in_covers(tokenizer, covers, groups)
            covers, groups, num_characters = [], [], 0
    yield from _count_in_covers(tokenizer, covers, groups)


def _is_settled(prefix: Sequence[Message]) -> bool:
    """True if no later message can change what an append-only template wrote.

    It may forget reasoning once the user speaks again, and write the last message of
    all differently if that is the assistant's.
    """
    has_reasoning = False
    previous = Role.ASSISTANT
    for message in prefix:
        if message.role is previous is Role.ASSISTANT:
            return False
        if has_reasoning and message.role is Role.USER:
            return False
        has_reasoning = has_reasoning or bool(message.reasoning)
        previous = message.role
    return previous is not Role.ASSISTANT


def _count_turns(prefix: Sequence[Message]) -> int:
    return sum(message.role is Role.ASSISTANT for message in prefix)


def _find_ends(text: str, part: str) -> Iterator[int]:
    """Where each occurrence of the part ends; none of an empty part."""
    start = text.find(part) if part else -1
    while start >= 0:
        yield start + len(part)
        start = text.find(part, start + 1)


def _count_in_covers(
    tokenizer: "Tokenizer",
    covers: list[str],
    groups: Iterable[Iterable[tuple[int, int]]],
) -> Iterator[list[int]]:
    """Tokens of beginnings, each given by its cover's place and its length."""
    encodings = tokenizer.encode_batch(covers, add_special_tokens=False)
    for group in groups:
        counts = []
        for place, length in group:
            count = _count_until(encodings[place], covers[place], length)
            if count is None:
                part = covers[place][:length]
                count = len(tokenizer.encode(part, add_special_tokens=False))
            counts.append(count)
        yield counts


def _count_until(encoding: "Encoding", text: str, length: int) -> int | None:
    """Tokens before a place in the text; None where no token begins there."""
    if length == len(text):
        return len(encoding)
    token = encoding.char_to_token(length)
    place = None if token is None else encoding.token_to_chars(token)
    return token if place is not None and place[0] == length else None
