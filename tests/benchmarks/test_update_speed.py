"""The gradient of an update against TRL's and against the plain forward's:
``pytest tests/benchmarks/test_update_speed.py -m benchmark -s`` (``-k "1M"`` for a
part; `measuring` says how the clock is chosen).

Groups of K = 8 actions behind a prefix each, on the same rollouts: forward, loss and
backward. The ratio of tokens is what sharing could save at most where attention and
logits cost nothing; the ratio of operations counts both.
"""

import pytest

from benchmarks.engine_floor import (
    count_operations,
    demand_of_repeating,
    demand_of_update,
)
from benchmarks.engine_models import make_model
from benchmarks.engine_updating import SIDES, make_groups
from benchmarks.measuring import (
    can_measure_peaks,
    compare,
    measure_peaks,
    print_times,
    say,
    time_sides,
)
from pivotrl_pipeline.policies.forward import count_unique_tokens

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore"),  # the peer's own
]

NUM_ACTIONS = 8
OURS = "shared prefixes"
LENGTHS = [(prefix, length) for prefix in (256, 768, 2048) for length in (24, 96)]


@pytest.mark.parametrize(("prefix", "length"), LENGTHS)
@pytest.mark.parametrize(
    ("size", "num_groups"), [("1M", 1), ("1M", 4), ("10M", 1), ("20M", 1)]
)
def test_updating_gains_nearly_the_ratio_of_tokens(
    size: str, num_groups: int, prefix: int, length: int
) -> None:
    groups = make_groups(size, NUM_ACTIONS, prefix, length, num_groups=num_groups)
    steps = {name: make(make_model(size), groups) for name, make in SIDES.items()}
    steps[OURS]()

    seconds = time_sides(steps)

    title = f"{size}, {num_groups} x prefix {prefix}, action {length}"
    print_times(title, seconds)
    repeated = sum(group.num_plain_tokens for group in groups)
    tokens = repeated / count_unique_tokens(groups)
    operations = count_operations(
        size, demand_of_repeating(prefix, NUM_ACTIONS, length)
    ) / count_operations(size, demand_of_update(prefix, NUM_ACTIONS, length))
    for what, fewer in (("tokens", tokens), ("operations", operations)):
        shares = ", ".join(
            f"{ratio / fewer:.2f} against {name}"
            for name, ratio in compare(seconds).items()
        )
        say(f"  {what} {fewer:.2f} times fewer; gained of that: {shares}")
    assert min(compare(seconds).values()) > 1


@pytest.mark.skipif(not can_measure_peaks(), reason="needs /proc/self/clear_refs")
def test_updating_needs_less_memory() -> None:
    cases = [("1M", NUM_ACTIONS, *lengths) for lengths in LENGTHS]
    cases += [(size, NUM_ACTIONS, 2048, 96) for size in ("10M", "20M")]

    peaks = {
        name: measure_peaks("benchmarks.engine_updating", name, cases) for name in SIDES
    }

    say("\nPeak memory beside the model, MiB")
    say(" " * 28 + "".join(f"{f'{c[0]} {c[2]}+{c[3]}':>14}" for c in cases))
    for name, found in peaks.items():
        say(f"  {name:<26}" + "".join(f"{peak:14.0f}" for peak in found))
    for name, found in peaks.items():
        assert name == OURS or all(map(float.__lt__, peaks[OURS], found))
