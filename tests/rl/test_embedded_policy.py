"""The update with the embedded engine: prompts are shared on both sides."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from tests.rl.objectives import make_objective
from tests.rl.toys import (
    STOP_TOKEN,
    VOCABULARY,
    ToyVerifier,
    make_model,
    make_parameters,
    make_pivots,
)
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy
from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.update import UpdateTurns, update_policy


class TokenPolicy(TransformersPolicy):
    """An action is the text of its tokens; states are given as prompts."""

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """A message."""
        return Action(content=text)


def make_policy() -> TokenPolicy:
    words = {str(token): token for token in range(VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token=str(STOP_TOKEN)))
    )
    return TokenPolicy(
        make_model(),
        tokenizer,
        cast("ChatTemplate", SimpleNamespace()),
        stop_ids=[STOP_TOKEN],
        max_tokens_in_flight=4096,
    )


def begins_as_wanted(wanted: str, said: str) -> float:
    # An action that stops at once is an empty message: there is no first token.
    return float(said.split()[:1] == [wanted])


def train(
    num_updates: int, reward_of: Callable[[str, str], float] = begins_as_wanted
) -> TrainedPolicy:
    parameters = make_parameters(
        num_updates=num_updates,
        learning_rate=6e-3,
        max_new_tokens=3,
        keep="best",
        heldout_turns=4,
        heldout_every=5,
        objective_parameters=make_objective(kl_beta=0.01),
    )
    return update_policy(
        make_policy(),
        UpdateTurns(make_pivots(), heldout=make_pivots()),
        ToyVerifier(reward_of),
        parameters,
        source_location="toy",
        verifier_settings="toy",
    )


def test_the_embedded_policy_learns_the_rewarded_token() -> None:
    trained = train(25)

    rewards = [row["reward/mean"] for row in trained.metrics]
    assert rewards[0] < 0.3
    assert rewards[-1] > 0.8
    assert trained.initial_score == 0.0
    assert trained.score == 1.0


def test_its_sampler_and_the_learner_agree() -> None:
    def length(wanted: str, said: str) -> float:
        return len(said.split()) / 3

    first, second = train(2, length), train(2, length)

    for row in first.metrics:
        assert row["logprobs/mismatch"] < 1e-5
        assert row["action/truncated_rate"] > 0
    assert first.metrics[0]["kl/policy_reference_k3"] == pytest.approx(0.0, abs=1e-12)
    assert all(
        torch.equal(tensor, second.state_dict[name])
        for name, tensor in first.state_dict.items()
    )
