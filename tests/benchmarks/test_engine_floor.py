"""How far the engine is above what the arithmetic alone would take, and where the rest
goes: ``pytest tests/benchmarks/test_engine_floor.py -m benchmark -s``.

The floor is the number of floating-point operations of the unique tokens (linear
layers, attention, logits; three times as many with the backward pass) over the rate at
which this machine multiplies matrices of the linear layers' shapes.
"""

import statistics
import time

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.engine_floor import (
    count_operations,
    demand_of_prefill,
    demand_of_step,
    demand_of_update,
    measure_rate,
)
from benchmarks.engine_models import make_model
from benchmarks.engine_sampling import make_work, sample_shared
from benchmarks.engine_updating import SIDES, make_groups
from benchmarks.measuring import Side, say, time_sides
from pivotrl_pipeline.policies.sharing import find_sharing

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore")]

SHAREABLE = ["shared prefixes", "prefixes repeated"]
NUM_SAMPLES, NUM_NEW, NUM_ACTIONS = 8, 24, 8
SHOWN = 8


def print_profile(side: Side) -> None:
    """The operators that take most of a call by the wall's clock, and the rest."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        started = time.perf_counter()
        side()
        seconds = time.perf_counter() - started
    events = [
        (e.self_cpu_time_total / 1e6, e.count, e.key) for e in profiler.key_averages()
    ]
    for taken, count, name in sorted(events, reverse=True)[:SHOWN]:
        say(f"    {taken / seconds:6.1%}  {name} ({count})")
    rest = seconds - sum(taken for taken, _, _ in events)
    say(f"    {rest / seconds:6.1%}  outside operators")


@pytest.mark.parametrize("size", ["1M", "10M", "20M"])
def test_sampling_above_the_floor(size: str) -> None:
    work = make_work(size, NUM_SAMPLES, NUM_NEW, num_turns=8, num_tokens=2048)
    model = make_model(size)
    find_sharing(model)
    prefill = demand_of_prefill(work.prompts)
    steps = [
        demand_of_step(work.prompts, NUM_SAMPLES, step) for step in range(1, NUM_NEW)
    ]
    prefill_floor = count_operations(size, prefill) / measure_rate(size, prefill.tokens)
    step_operations = sum(count_operations(size, step) for step in steps)
    floor = prefill_floor + step_operations / measure_rate(size, steps[0].tokens)

    with torch.no_grad():
        side: Side = lambda: sample_shared(model, work)  # noqa: E731
        side()
        seconds = statistics.median(time_sides({"shared": side})["shared"])
        say(
            f"\nsampling, {size}: floor {floor:.3f} s (prefill {prefill_floor:.3f}), "
            f"measured {seconds:.3f} s, {seconds / floor:.2f} times the floor"
        )
        print_profile(side)
    assert seconds > 0.5 * floor, "a floor that is undercut by half is miscounted"


@pytest.mark.parametrize(("prefix", "length"), [(256, 24), (768, 24), (2048, 96)])
@pytest.mark.parametrize("size", ["1M", "10M", "20M"])
def test_updating_above_the_floor(size: str, prefix: int, length: int) -> None:
    groups = make_groups(size, NUM_ACTIONS, prefix, length)
    demand = demand_of_update(prefix, NUM_ACTIONS, length)
    rate = measure_rate(size, demand.tokens)
    floor = 3 * count_operations(size, demand) / rate
    steps = {name: SIDES[name](make_model(size), groups) for name in SHAREABLE}
    for step in steps.values():
        step()

    seconds = time_sides(steps)

    say(
        f"\nupdating, {size}, prefix {prefix}, action {length}: floor {floor:.3f} s at "
        f"{rate / 1e9:.0f} G operations a second"
    )
    for name, times in seconds.items():
        taken = statistics.median(times)
        say(f"  {name:<20}{taken:8.3f} s, {taken / floor:.2f} times the floor")
    print_profile(steps[SHAREABLE[0]])
    assert statistics.median(seconds[SHAREABLE[0]]) > 0.5 * floor
