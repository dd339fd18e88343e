"""The pretraining corpus: noisy desk transcripts and skills, as token ids."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.environments.desk.transcripts import Noise, write_noisy_transcript
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.environments.skills.items import make_skill_items, skill_families
from pivotrl_pipeline.policies.pretraining.chat_template import (
    END_OF_TURN,
    START_OF_TURN,
)
from pivotrl_pipeline.policies.pretraining.drills import (
    make_look_up_drill,
    make_repeat_drill,
)
from pivotrl_pipeline.policies.pretraining.tokenizer import token_id
from pivotrl_pipeline.records.messages import (
    JsonObject,
    Message,
    Role,
    Tool,
    message_to_json,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SOURCES = ("short", "long", "skill", "repeat", "look_up")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, and the tools that stand before them."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One conversation as tokens."""

    token_ids: np.ndarray
    """int32, shape [token]."""
    is_action: np.ndarray
    """bool, shape [token]; True where the assistant speaks, its stop token included."""


def make_conversation(source: str, seed: int, noise: Noise) -> Conversation:
    """A desk transcript of a tier, or a question with its answer."""
    if source == "repeat":
        return Conversation(make_repeat_drill(seed), ())
    if source == "look_up":
        return Conversation(make_look_up_drill(seed), ())
    if source == "skill":
        families = skill_families()
        family = families[seed % len(families)]
        item = make_skill_items(family, [seed])[0]
        answer = Message(Role.ASSISTANT, item.answer)
        return Conversation((*item.messages, answer), ())
    desk = OrderDesk()
    task = desk.tasks(tier=source, seeds=[seed])[0]
    return Conversation(write_noisy_transcript(task, noise), desk.tools)


def draw_sources(
    num_documents: int, share_by_source: dict[str, float], *, first_seed: int
) -> list[tuple[str, int]]:
    """Source and seed of each document; seeds are of the pretraining range."""
    rng = random.Random(f"sources {first_seed}")
    weights = [share_by_source[source] for source in SOURCES]
    seeds = take_seeds(SeedRange.PRETRAINING, num_documents, skip=first_seed)
    return [(rng.choices(SOURCES, weights)[0], seed) for seed in seeds]


def render_text(
    conversation: Conversation, tokenizer: "PreTrainedTokenizerFast"
) -> str:
    """The conversation through the tokenizer's chat template."""
    rendered = tokenizer.apply_chat_template(
        cast(
            "list[dict[str, str]]",
            [_to_template(message) for message in conversation.messages],
        ),
        tools=[tool.schema for tool in conversation.tools] or None,
        tokenize=False,
    )
    return str(rendered)


def encode_document(
    conversation: Conversation, tokenizer: "PreTrainedTokenizerFast"
) -> Document:
    """Token ids, with what the assistant says marked."""
    text = render_text(conversation, tokenizer)
    token_ids = np.array(
        tokenizer.encode(text, add_special_tokens=False), dtype=np.int32
    )
    opening = tokenizer.encode(f"{START_OF_TURN}assistant\n", add_special_tokens=False)
    return Document(
        token_ids, _mark_actions(token_ids, opening, token_id(tokenizer, END_OF_TURN))
    )


def _mark_actions(
    token_ids: np.ndarray, opening: Sequence[int], end: int
) -> np.ndarray:
    """True from after an assistant's opening to its stop token."""
    is_action = np.zeros(len(token_ids), dtype=bool)
    width = len(opening)
    for start in np.flatnonzero(token_ids == opening[0]):
        if list(token_ids[start : start + width]) == list(opening):
            stop = start + width + int(np.argmax(token_ids[start + width :] == end))
            is_action[start + width : stop + 1] = True
    return is_action


def _to_template(message: Message) -> JsonObject:
    row = message_to_json(message)
    if message.content is None:
        row["content"] = ""
    return row
