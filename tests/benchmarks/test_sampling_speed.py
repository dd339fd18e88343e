"""Sampling against transformers: ``pytest tests/benchmarks/test_sampling_speed.py -m
benchmark -s`` (``-k 1M`` for a part; `measuring` says how the clock is chosen).

A trajectory of 8 turns and 2,048 tokens, K actions of a fixed length at each turn,
against `generate` called state by state and with one batch padded on the left, and
against `generate_batch`, continuous batching with shared pages. The one batch repeats
the longest prompt for every action; it is tried where K is 8.
"""

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
OURS, ONE_BATCH = "shared prefixes", "generate, one batch"
CASES = [
    *[("1M", num_samples, num_new) for num_new in (24, 64) for num_samples in (8, 16)],
    *[(size, *pair) for size in ("10M", "20M") for pair in ((8, 24), (16, 64))],
]


@pytest.mark.parametrize(("size", "num_samples", "num_new"), CASES)
def test_sampling_is_faster_than_generate(
    size: str, num_samples: int, num_new: int
) -> None:
    model, theirs = make_model(size), make_model(size)
    work = make_work(
        size, num_samples, num_new, num_turns=NUM_TURNS, num_tokens=NUM_TOKENS
    )
    find_sharing(model)
    names = [name for name in SIDES if name != ONE_BATCH or num_samples == 8]

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
    cases = [
        (size, num_samples, num_new, NUM_TURNS, NUM_TOKENS)
        for size, num_samples, num_new in (
            ("1M", 8, 24),
            ("1M", 16, 64),
            ("10M", 8, 24),
        )
    ]

    peaks = {
        name: measure_peaks("benchmarks.engine_sampling", name, cases) for name in SIDES
    }

    say("\nPeak memory beside the model, MiB")
    for name, found in peaks.items():
        say(f"  {name:<26}" + "".join(f"{peak:10.0f}" for peak in found))
    for name, found in peaks.items():
        assert name == OURS or all(map(float.__lt__, peaks[OURS], found))
