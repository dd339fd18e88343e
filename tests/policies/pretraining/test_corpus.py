"""The corpus: which tokens are the assistant's, and which seeds are used."""

import pytest
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.environments.desk.transcripts import Noise
from pivotrl_pipeline.environments.seeds import SeedRange, purpose_of
from pivotrl_pipeline.policies.pretraining.corpus import (
    SOURCES,
    draw_sources,
    encode_document,
    make_conversation,
)
from pivotrl_pipeline.records.messages import Role


def test_all_seeds_are_of_the_pretraining_range() -> None:
    drawn = draw_sources(500, dict.fromkeys(SOURCES, 1.0), first_seed=1000)

    assert [seed for _, seed in drawn] == list(range(1000, 1500))
    assert {purpose_of(seed) for _, seed in drawn} == {SeedRange.PRETRAINING}
    assert {source for source, _ in drawn} == set(SOURCES)


def test_a_source_without_share_is_not_drawn() -> None:
    drawn = draw_sources(
        200, {**dict.fromkeys(SOURCES, 0.0), "skill": 1, "repeat": 1}, first_seed=0
    )

    assert {source for source, _ in drawn} == {"skill", "repeat"}


@pytest.mark.parametrize("source", SOURCES)
def test_the_assistants_tokens_are_its_messages_and_their_ends(
    source: str, noise: Noise, tokenizer: PreTrainedTokenizerFast
) -> None:
    conversation = make_conversation(source, 11, noise)

    document = encode_document(conversation, tokenizer)

    spoken = tokenizer.decode(document.token_ids[document.is_action])
    turns = spoken.split("<|im_end|>")
    said = [m for m in conversation.messages if m.role is Role.ASSISTANT]
    assert turns.pop() == ""
    assert len(turns) == len(said)
    assert [turn.split("<tool_call>")[0] for turn in turns] == [
        message.content or "" for message in said
    ]
    assert [
        call.name in turn
        for m, turn in zip(said, turns, strict=True)
        for call in m.tool_calls
    ] == [True] * sum(len(m.tool_calls) for m in said)


@pytest.mark.parametrize("source", SOURCES)
def test_a_conversation_depends_on_its_seed_alone(source: str, noise: Noise) -> None:
    one = make_conversation(source, 5, noise)

    assert one == make_conversation(source, 5, noise)
    assert one != make_conversation(source, 6, noise)
