"""Batches: every document once, and none sees another."""

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.parameters.pretrain import ModelParameters
from pivotrl_pipeline.policies.pretraining.batches import (
    make_batch,
    plan_batches,
    split_by_length,
)
from pivotrl_pipeline.policies.pretraining.corpus import Document
from pivotrl_pipeline.policies.pretraining.model import make_model


def make_document(*token_ids: int, action_from: int = 0) -> Document:
    is_action = np.arange(len(token_ids)) >= action_from
    return Document(np.array(token_ids, dtype=np.int32), is_action)


def plan(lengths: list[int], batch_tokens: int, seed: int = 0, **kind: bool) -> list:
    return plan_batches(
        lengths,
        batch_tokens=batch_tokens,
        rng=np.random.default_rng(seed),
        **{"is_mixed": True, **kind},
    )


@pytest.mark.parametrize("is_mixed", [True, False])
def test_every_document_is_in_exactly_one_batch(is_mixed: bool) -> None:
    batches = plan([5, 300, 40, 41, 7, 90, 33, 34, 33, 260], 128, is_mixed=is_mixed)

    assert sorted(index for batch in batches for index in batch) == list(range(10))


@pytest.mark.parametrize("is_mixed", [True, False])
def test_a_batch_ends_with_the_document_that_fills_it(is_mixed: bool) -> None:
    batches = plan([30] * 9, 70, is_mixed=is_mixed)

    assert [len(batch) for batch in batches] == [3, 3, 3]


def test_batches_hold_all_lengths_or_like_ones() -> None:
    lengths = [20] * 500 + [200] * 50

    mixed, sorted_ = (plan(lengths, 2000, is_mixed=each) for each in (True, False))

    num_lengths = [len({lengths[i] for i in batch}) for batch in mixed]
    assert num_lengths.count(2) >= len(mixed) - 1  # the last one may be short
    assert sum(len({lengths[i] for i in batch}) > 1 for batch in sorted_) <= 1


def test_the_plan_depends_on_the_generator_alone() -> None:
    lengths = list(range(2, 80))

    one, same, other = (plan(lengths, 256, seed) for seed in (1, 1, 2))

    assert one == same
    assert one != other


def test_parts_hold_every_document_once_at_less_than_half_padding() -> None:
    rng = np.random.default_rng(0)
    documents = [make_document(*range(size)) for size in rng.integers(2, 900, size=80)]

    parts = split_by_length(documents)

    assert sorted(id(d) for part in parts for d in part) == sorted(map(id, documents))
    assert 1 < len(parts) < 40
    for part in parts:
        lengths = [len(document.token_ids) for document in part]
        assert 2 * (min(lengths) + 32) > max(lengths) - 1
        assert max(lengths) * len(lengths) <= 4096 + 32 * len(lengths)


def test_what_the_assistant_does_not_write_weighs_less_and_padding_nothing() -> None:
    documents = [make_document(5, 6, 7, action_from=2), make_document(8, 9)]

    batch = make_batch(documents, padding=0, other_weight=0.25)

    assert batch.token_ids.shape == (2, 33)
    assert batch.token_ids[0, :4].tolist() == [5, 6, 7, 0]
    assert batch.weights[0, :4].tolist() == [0.25, 0.25, 1.0, 0.0]
    assert batch.weights[1, :3].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_document_has_the_same_logits_alone_and_in_a_batch(
    row: int, model_parameters: ModelParameters, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_model(model_parameters, tokenizer, seed=0).eval()
    rng = np.random.default_rng(0)
    documents = [
        make_document(*rng.integers(0, 200, size=size)) for size in (9, 50, 21)
    ]
    batch = make_batch(documents, padding=1, other_weight=0.1)
    alone = torch.tensor(documents[row].token_ids, dtype=torch.int64)[None]

    with torch.no_grad():
        together = model(input_ids=batch.token_ids).logits[row, : alone.shape[1]]
        apart = model(input_ids=alone).logits[0]

    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)
