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


def test_every_document_is_in_exactly_one_batch() -> None:
    lengths = [5, 300, 40, 41, 7, 90, 33, 34, 33, 260]

    plan = plan_batches(lengths, batch_tokens=128, rng=np.random.default_rng(0))

    assert sorted(index for batch in plan for index in batch) == list(range(10))


def test_a_batch_ends_with_the_document_that_fills_it() -> None:
    plan = plan_batches([30] * 9, batch_tokens=70, rng=np.random.default_rng(0))

    assert [len(batch) for batch in plan] == [3, 3, 3]


def test_batches_mix_long_and_short() -> None:
    lengths = [20] * 500 + [200] * 50

    plan = plan_batches(lengths, batch_tokens=2000, rng=np.random.default_rng(0))

    assert all({lengths[i] for i in batch} == {20, 200} for batch in plan[:-1])


def test_the_plan_depends_on_the_generator_alone() -> None:
    lengths = list(range(2, 80))

    one, same, other = (
        plan_batches(lengths, batch_tokens=256, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )

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
