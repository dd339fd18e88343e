"""How many tokens the states of trajectories have, at the tokenizer's own speed.

The states of a trajectory are beginnings of each other, and so, with most templates,
are their texts: then one text a trajectory is rendered and tokenised, many at a time.
Where a template rewrites what it wrote, what the texts still share is tokenised once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pivotrl_pipeline.policies.template_messages import (
    SYSTEM_MESSAGES,
    TOOL_CALLS,
    TOOL_RESULTS,
    find_contents,
)
from pivotrl_pipeline.policies.template_probe import TemplateFacts
from pivotrl_pipeline.records.messages import Message, Role
from pivotrl_pipeline.records.trajectories import State

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

BATCH_CHARACTERS = 2**20
"""Tokenised at one time; a token takes about 100 bytes meanwhile."""
_TRIED = frozenset({SYSTEM_MESSAGES, TOOL_CALLS, TOOL_RESULTS})


def render_states(
    states: Sequence[State], facts: TemplateFacts, render: Callable[[State], str]
) -> list[str]:
    """The text of each state, cut from that of the last where that is the same.

    A template that only appends begins every assistant turn with its generation
    prompt. Where that stands in the last text once for each turn, the text of a state
    can only end at the place that belongs to its turn. This is tried on a few states,
    one after each role among them; if it does not hold, every state is rendered.

    Args:
        states: Of one trajectory, in the order of its turns.
        facts: What the template does.
        render: The text of one state.
    """
    if len(states) > 1 and facts.is_append_only and _is_plain(states[-1].prefix):
        last = render(states[-1])
        ends = list(_find_ends(last, facts.generation_prompt))
        turns = [_count_turns(state.prefix) for state in states]
        if len(ends) == turns[-1] + 1:
            texts = [last[: ends[turn]] for turn in turns]
            roles = [state.prefix[-1].role for state in states]
            tried = {*map(roles.index, roles), len(states) // 2}
            if all(texts[place] == render(states[place]) for place in tried):
                return texts
    return [render(state) for state in states]


class _Piece(NamedTuple):
    """A text, as the beginning of another one and what follows there instead."""

    cover: int
    """The place of the other text."""
    shared: int
    """Characters of it."""
    rest: str


def count_tokens(
    tokenizer: "Tokenizer", texts_of_groups: Iterable[Sequence[str]]
) -> Iterator[list[int]]:
    """Tokens of each text; what it shares with a later one of its group costs nothing.

    Args:
        tokenizer: Neither truncates nor pads. No special tokens are added.
        texts_of_groups: Taken as they are needed.
    """
    special = _compile_special(tokenizer)
    covers: list[str] = []
    groups: list[list[_Piece]] = []
    num_characters = 0
    for texts in texts_of_groups:
        num_earlier = len(covers)
        group: list[_Piece] = []
        for text in reversed(texts):
            is_first = len(covers) == num_earlier
            shared = 0 if is_first else _count_shared(special, text, covers[-1])
            if 2 * shared <= len(text):
                covers.append(text)
                num_characters += len(text)
                shared = len(text)
            group.append(_Piece(len(covers) - 1, shared, text[shared:]))
        groups.append(group[::-1])
        if num_characters >= BATCH_CHARACTERS:
            yield from _count_in_covers(tokenizer, covers, groups)
            covers, groups, num_characters = [], [], 0
    yield from _count_in_covers(tokenizer, covers, groups)


def _compile_special(tokenizer: "Tokenizer") -> re.Pattern[str]:
    """Finds special tokens; without any it finds nothing."""
    tokens = tokenizer.get_added_tokens_decoder().values()
    contents = sorted((t.content for t in tokens if t.special), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, contents)) or r"(?!)")


def _count_shared(special: re.Pattern[str], text: str, cover: str) -> int:
    """Characters of the text that are tokenised in the cover as they are by themselves.

    All of them if the cover begins with the text; else those before a special token
    that both have, since what stands on its two sides is tokenised apart.
    """
    if cover.startswith(text):
        return len(text)
    for token in reversed(list(special.finditer(text))):
        if cover.startswith(text[: token.end()]):
            return token.start()
    return 0


def _is_plain(prefix: Sequence[Message]) -> bool:
    """True if there is only what `TemplateFacts.is_append_only` was found with.

    Templates forget reasoning, and remarks beside calls, once the conversation goes on,
    and may write an assistant's message differently while it is the last of all.
    """
    roles = [message.role for message in prefix]
    follows_itself = any(
        first is second is Role.ASSISTANT for first, second in pairwise(roles)
    )
    return (
        find_contents(prefix) <= _TRIED
        and Role.SYSTEM not in roles[1:]
        and not follows_itself
        and Role.ASSISTANT not in (roles[:1] or [Role.ASSISTANT])
    )


def _count_turns(prefix: Sequence[Message]) -> int:
    return sum(message.role is Role.ASSISTANT for message in prefix)


def _find_ends(text: str, part: str) -> Iterator[int]:
    """Where each occurrence of the part ends; none of an empty part."""
    start = text.find(part) if part else -1
    while start >= 0:
        yield start + len(part)
        start = text.find(part, start + 1)


def _count_in_covers(
    tokenizer: "Tokenizer", covers: list[str], groups: Iterable[Iterable[_Piece]]
) -> Iterator[list[int]]:
    encodings = tokenizer.encode_batch(covers, add_special_tokens=False)
    for group in groups:
        counts = []
        for piece in group:
            cover, rest = covers[piece.cover], piece.rest
            count = _count_until(encodings[piece.cover], cover, piece.shared)
            if count is None:
                count, rest = 0, cover[: piece.shared] + rest
            if rest:
                count += len(tokenizer.encode(rest, add_special_tokens=False))
            counts.append(count)
        yield counts


def _count_until(encoding: "Encoding", text: str, length: int) -> int | None:
    """Tokens before a place in the text; None where no token begins there."""
    if length == len(text):
        return len(encoding)
    token = encoding.char_to_token(length)
    place = None if token is None else encoding.token_to_chars(token)
    return token if place is not None and place[0] == length else None
