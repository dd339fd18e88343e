"""Shared forward and backward against the plain: ``pytest …/test_update_speed.py -s``.

One group of K = 8 actions behind a prefix, and the groups of a whole trajectory. The
ratio of tokens is what sharing could save at most where attention costs nothing.
"""

import os
import random
import statistics
import time

import pytest
import torch
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
    count_unique_tokens,
)
from pivotrl_pipeline.policies.groups import ActionGroup

pytestmark = pytest.mark.benchmark

SIZES = {"1M": (128, 4, 384), "10M": (384, 6, 1152), "20M": (512, 8, 1280)}
NUM_ACTIONS = 8
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "3"))


def make_model(size: str) -> PreTrainedModel:
    hidden, layers, intermediate = SIZES[size]
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=1000,
            hidden_size=hidden,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 32,
            num_key_value_heads=hidden // 64,
            head_dim=32,
            max_position_embeddings=8192,
        )
    )


def make_group(prefix: int, length: int) -> ActionGroup:
    generator = random.Random(0)
    return ActionGroup(
        [generator.randrange(1000) for _ in range(prefix)],
        [
            [generator.randrange(1000) for _ in range(length)]
            for _ in range(NUM_ACTIONS)
        ],
    )


@pytest.mark.parametrize("length", [24, 96])
@pytest.mark.parametrize("prefix", [256, 768, 2048])
@pytest.mark.parametrize("size", SIZES)
def test_updating_gains_nearly_the_ratio_of_tokens(
    size: str, prefix: int, length: int
) -> None:
    model = make_model(size)
    groups = [make_group(prefix, length)]
    sides = {"shared": compute_action_logprobs, "plain": compute_action_logprobs_plain}
    compute_action_logprobs(model, groups, temperature=1.0)

    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            model.zero_grad()
            started = time.perf_counter()
            (rows,) = side(model, groups, temperature=1.0)
            rows.sum().backward()
            seconds[name].append(time.perf_counter() - started)

    rounds = [
        plain / shared
        for plain, shared in zip(seconds["plain"], seconds["shared"], strict=True)
    ]
    gain = statistics.median(seconds["plain"]) / statistics.median(seconds["shared"])
    plain_tokens = NUM_ACTIONS * (prefix + length - 1)
    tokens = plain_tokens / count_unique_tokens(groups)
    print(  # noqa: T201
        f"\n{size}, prefix {prefix}, action {length}: {gain:.2f} times faster "
        f"({min(rounds):.2f} to {max(rounds):.2f}); tokens {tokens:.2f} times fewer; "
        f"share {gain / tokens:.2f}"
    )
    assert gain > 1
