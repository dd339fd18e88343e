"""Sampling against transformers: ``pytest tests/benchmarks/test_sampling_speed.py -m
benchmark -s`` (``-k 1M`` for a part; `measuring` says how the clock is chosen).

A trajectory of 8 turns and 2,048 tokens, K actions of a fixed length at each turn,
against `generate` called state by state and with one batch padded on the left, and
against `generate_batch`, continuous batching with shared pages. The slower peers are
left out of the larger cases, unless ``BENCHMARK_GRID=full``, which takes an hour.
"""

import os

import pytest
import torch

from benchmarks.engine_models import make_model
from benchmarks.engine_sampling import SIDES, make_work, sample_shared
from benchmarks.measuring import (
    can_measure_peaks,
    compare,
    measure_peaks,
    print_times,
    say,
    time_sides,
)
from pivotrl_pipeline.policies.sharing import find_sharing

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore"),  # the peers' own
]

NUM_TURNS, NUM_TOKENS = 8, 2048
OURS, BY_STATE, ONE_BATCH = list(SIDES)[:3]
IS_FULL = os.environ.get("BENCHMARK_GRID") == "full"
SIZES = ("1M", "10M", "20M")
CASES = (
    [(size, k, new) for size in SIZES for k in (8, 16) for new in (24, 64)]
    if IS_FULL
    else [(size, k, n) for size in SIZES for k, n in ((8, 24), (16, 24), (16, 64))]
)


def choose_sides(size: str, num_samples: int, num_new: int) -> list[str]:
    if IS_FULL:
        return list(SIDES)
    if (num_samples, num_new) != (8, 24):
        return [OURS, BY_STATE]
    return [name for name in SIDES if name != ONE_BATCH or size == "1M"]


@pytest.mark.parametrize(("size", "num_samples", "num_new"), CASES)
def test_sampling_is_faster_than_generate(
    size: str, num_samples: int, num_new: int
) -> None:
    model, theirs = make_model(size), make_model(size)
    work = make_work(
        size, num_samples, num_new, num_turns=NUM_TURNS, num_tokens=NUM_TOKENS
    )
    find_sharing(model)
    names = choose_sides(size, num_samples, num_new)

    with torch.no_grad():
        counts = sample_shared(model, work)
        seconds = time_sides(
            {
                name: lambda name=name: SIDES[name](  # type: ignore[misc]
                    model if name == OURS else theirs, work
                )
                for name in names
            }
        )

    print_times(f"{size}, K = {num_samples}, {num_new} new tokens", seconds)
    say(f"  tokens forwarded per unique token: {counts.ratio:.3f}")
    assert counts.ratio <= 1.02
    assert min(compare(seconds).values()) > 1


@pytest.mark.skipif(not can_measure_peaks(), reason="needs /proc/self/clear_refs")
def test_sampling_needs_less_memory_than_generate() -> None:
    sizes = ("1M", "10M")
    cases = {
        name: [
            (size, 8, 24, NUM_TURNS, NUM_TOKENS)
            for size in sizes
            if name in choose_sides(size, 8, 24)
        ]
        for name in SIDES
    }

    peaks = {
        name: measure_peaks("benchmarks.engine_sampling", name, found)
        for name, found in cases.items()
    }

    say(f"\nPeak memory beside the model, MiB, at {', '.join(sizes)}")
    for name, found in peaks.items():
        say(f"  {name:<26}" + "".join(f"{peak:10.0f}" for peak in found))
    for name, found in peaks.items():
        assert name == OURS or all(map(float.__lt__, peaks[OURS], found))
