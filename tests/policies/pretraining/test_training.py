"""The updates: loss and learning rate by hand, and that nothing is left to chance."""

import math

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.parameters.pretrain import (
    ModelParameters,
    OptimizerParameters,
    PretrainParameters,
)
from pivotrl_pipeline.policies.pretraining.batches import Batch
from pivotrl_pipeline.policies.pretraining.corpus import Document
from pivotrl_pipeline.policies.pretraining.model import make_model
from pivotrl_pipeline.policies.pretraining.pretraining import pretrain_policy
from pivotrl_pipeline.policies.pretraining.training import (
    Pretrainer,
    learning_rate_factor,
    sum_loss,
)


def make_documents(count: int) -> list[Document]:
    rng = np.random.default_rng(1)
    return [
        Document(rng.integers(0, 50, size=12).astype(np.int32), np.arange(12) >= 4)
        for _ in range(count)
    ]


def make_pretrainer(
    model_parameters: ModelParameters,
    optimizer_parameters: OptimizerParameters,
    tokenizer: PreTrainedTokenizerFast,
    *,
    num_updates: int,
) -> tuple[torch.nn.Module, Pretrainer]:
    model = make_model(model_parameters, tokenizer, seed=0)
    trainer = Pretrainer(
        model, optimizer_parameters, num_updates=num_updates, padding=0
    )
    return model, trainer


@pytest.mark.parametrize(
    ("update_index", "factor"),
    # 10 updates: rise over 2, plateau, fall over the last 0.4 * 10 = 4
    [(0, 0.5), (1, 1.0), (5, 1.0), (6, 1.0), (7, 0.75), (9, 0.25)],
)
def test_the_learning_rate_rises_stays_and_falls(
    update_index: int, factor: float
) -> None:
    assert learning_rate_factor(
        update_index, num_updates=10, warmup_updates=2, decay_rate=0.4
    ) == pytest.approx(factor)


def test_equal_logits_cost_the_logarithm_of_the_vocabulary(
    model_parameters: ModelParameters, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_model(model_parameters, tokenizer, seed=0)
    torch.nn.init.zeros_(model.model.embed_tokens.weight)
    batch = Batch(torch.ones(1, 4, dtype=torch.int64), torch.tensor([[1.0, 1, 0.5, 0]]))

    loss_sum, weight_sum = sum_loss(model, batch, is_bfloat16=False)

    # targets are tokens 1 to 3, of weights 1, 0.5 and 0
    assert weight_sum.item() == 1.5
    assert loss_sum.item() == pytest.approx(1.5 * math.log(model.config.vocab_size))


def test_updates_lower_the_loss(
    model_parameters: ModelParameters,
    optimizer_parameters: OptimizerParameters,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    _, trainer = make_pretrainer(
        model_parameters, optimizer_parameters, tokenizer, num_updates=30
    )
    documents = make_documents(4)

    losses = [trainer.update(documents).loss for _ in range(30)]

    assert losses[-1] < 0.8 * losses[0]


def test_pretraining_twice_gives_the_same_weights(
    parameters: PretrainParameters, tokenizer: PreTrainedTokenizerFast
) -> None:
    one, same = (pretrain_policy(parameters, tokenizer) for _ in range(2))

    assert len(one.metrics) >= 3
    assert [m.loss for m in one.metrics] == [m.loss for m in same.metrics]
    weights, same_weights = one.model.state_dict(), same.model.state_dict()
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)
