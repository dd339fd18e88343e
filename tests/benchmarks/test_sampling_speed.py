"""Sampling against `generate`: ``pytest tests/benchmarks/test_sampling_speed.py -s``.

A trajectory of 8 turns and 2,048 tokens, K actions of a fixed length at each turn. All
sides run in turn, several times, in one process; ratios are of medians, with the
smallest and largest ratio of one round beside them. ``SIZES`` names the models.
"""

import os
import random
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.sampler import Request, sample_rows
from pivotrl_pipeline.policies.sharing import find_sharing
from pivotrl_pipeline.policies.token_counts import TokenCounts

pytestmark = pytest.mark.benchmark

SIZES = {"1M": (128, 4, 384), "10M": (384, 6, 1152), "20M": (512, 8, 1280)}
NUM_TURNS, NUM_TOKENS, NUM_NEW = 8, 2048, 24
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "3"))
Side = Callable[[], object]


def make_model(size: str) -> PreTrainedModel:
    hidden, layers, intermediate = SIZES[size]
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
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
    ).eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def make_prompts() -> list[list[int]]:
    generator = random.Random(0)
    trunk = [generator.randrange(1000) for _ in range(NUM_TOKENS)]
    step = NUM_TOKENS // NUM_TURNS
    return [trunk[: step * (turn + 1)] for turn in range(NUM_TURNS)]


def sample_shared(
    model: PreTrainedModel, prompts: list[list[int]], num_samples: int
) -> TokenCounts:
    counts = TokenCounts()
    rows = [turn for turn in range(len(prompts)) for _ in range(num_samples)]
    request = Request(
        [np.array(prompt) for prompt in prompts],
        rows,
        list(range(len(rows))),
        SamplingSettings(1.0, 1.0, NUM_NEW),
        torch.tensor([-1]),
        10**6,
    )
    sample_rows(model, request, counts)
    return counts


def generate(model: PreTrainedModel, prompts: list[list[int]], number: int) -> object:
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=True,
        top_k=0,
        max_new_tokens=NUM_NEW,
        num_return_sequences=number,
    )


def measure(sides: dict[str, Side]) -> dict[str, list[float]]:
    """Seconds of each side, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def report(title: str, seconds: dict[str, list[float]]) -> dict[str, float]:
    """Prints a table; how often slower than the first each side is."""
    first, *_ = seconds
    ratios = {}
    print(f"\n{title}")  # noqa: T201
    for name, times in seconds.items():
        rounds = [time / base for time, base in zip(times, seconds[first], strict=True)]
        ratios[name] = statistics.median(times) / statistics.median(seconds[first])
        print(  # noqa: T201
            f"  {name:<24} {statistics.median(times):8.3f} s   x{ratios[name]:6.2f}"
            f"   ({min(rounds):.2f} to {max(rounds):.2f})"
        )
    return ratios


@pytest.mark.parametrize("num_samples", [8, 16])
@pytest.mark.parametrize("size", SIZES)
def test_sampling_is_faster_than_generate(size: str, num_samples: int) -> None:
    model = make_model(size)
    prompts = make_prompts()
    find_sharing(model)

    with torch.inference_mode():
        counts = sample_shared(model, prompts, num_samples)
        seconds = measure(
            {
                "shared": lambda: sample_shared(model, prompts, num_samples),
                "generate, state by state": lambda: [
                    generate(model, [prompt], num_samples) for prompt in prompts
                ],
                "generate, one batch": lambda: generate(model, prompts, num_samples),
            }
        )

    ratios = report(f"{size}, K = {num_samples}, {NUM_NEW} new tokens", seconds)
    print(f"  tokens forwarded per unique token: {counts.ratio:.3f}")  # noqa: T201
    assert min(ratio for name, ratio in ratios.items() if name != "shared") > 1
