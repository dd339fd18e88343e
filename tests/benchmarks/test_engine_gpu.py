"""The engine on a GPU: ``pytest tests/benchmarks/test_engine_gpu.py -s -m
"benchmark or gpu"``.

Qwen3-0.6B and 4B shapes with random weights in bfloat16, prefixes of 2k and 16k tokens,
K = 16: sampling against transformers, the gradient of an update against TRL (both with
activation checkpointing), peak memory of each; and the equivalence tests on the device.
A side that runs out of memory is reported and left out. Without a GPU only a tiny model
goes the same way, on the CPU.
"""

from collections.abc import Callable

import pytest
import torch

from benchmarks import engine_sampling, engine_updating
from benchmarks.engine_models import make_model
from benchmarks.measuring import (
    Side,
    can_measure_peaks,
    compare,
    measure_peak,
    print_times,
    say,
    time_sides,
)
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
)
from pivotrl_pipeline.policies.sharing import find_sharing
from policies.architectures import MAKERS
from policies.architectures import make_model as make_tiny
from policies.equivalence import (
    assert_equal_gradients,
    compare_with_the_truth,
    find_gradients,
    make_deep_groups,
    make_groups,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own

NUM_ACTIONS, NUM_TURNS, NUM_NEW = 16, 8, 64
OURS = "shared prefixes"
HAS_GPU = torch.cuda.is_available()
needs_gpu = pytest.mark.skipif(not HAS_GPU, reason="torch finds no CUDA device")


def run_sides(title: str, sides: dict[str, Side]) -> dict[str, float]:
    """Prints times and peaks; how many times our time each other side takes."""
    peaks: dict[str, float] = {}
    for name, side in list(sides.items()):
        try:
            peaks[name] = measure_peak(side)
        except torch.OutOfMemoryError:
            say(f"  {name}: out of memory")
            del sides[name]
            torch.cuda.empty_cache()
    seconds = time_sides(sides)
    print_times(title, seconds)
    say("  peak MiB: " + ", ".join(f"{name} {mib:.0f}" for name, mib in peaks.items()))
    if HAS_GPU:
        assert min(peaks, key=lambda name: peaks[name]) == OURS
    return compare(seconds)


def compare_sampling(
    size: str, prefix: int, *, device: str, dtype: torch.dtype, num_actions: int
) -> dict[str, float]:
    model = make_model(size, device=device, dtype=dtype)
    theirs = make_model(size, device=device, dtype=dtype)
    find_sharing(model)
    work = engine_sampling.make_work(
        size, num_actions, NUM_NEW, num_turns=NUM_TURNS, num_tokens=prefix
    )
    with torch.no_grad():
        return run_sides(
            f"sampling, {size}, {prefix} tokens, K = {num_actions}",
            {
                name: lambda side=side, name=name: side(  # type: ignore[misc]
                    model if name == OURS else theirs, work
                )
                for name, side in engine_sampling.SIDES.items()
            },
        )


def compare_updating(
    size: str, prefix: int, *, device: str, dtype: torch.dtype, num_actions: int
) -> dict[str, float]:
    groups = engine_updating.make_groups(size, num_actions, prefix, NUM_NEW)
    steps = {}
    model = make_model(size, device=device, dtype=dtype)
    model.activation_checkpointing_enable()
    model.train()
    for name, make in engine_updating.SIDES.items():
        steps[name] = make(model, groups)
    return run_sides(f"updating, {size}, {prefix} tokens, K = {num_actions}", steps)


@pytest.mark.benchmark
@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("prefix", [2048, 16_384])
@pytest.mark.parametrize("size", ["Qwen3-0.6B", "Qwen3-4B"])
@pytest.mark.parametrize("compare_sides", [compare_sampling, compare_updating])
def test_the_engine_is_faster_than_its_peers(
    compare_sides: Callable[..., dict[str, float]], size: str, prefix: int
) -> None:
    ratios = compare_sides(
        size, prefix, device="cuda", dtype=torch.bfloat16, num_actions=NUM_ACTIONS
    )

    assert min(ratios.values()) > 1


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("kind", ["groups", "deep tree"])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_shared_forward_equals_the_plain_one_on_the_gpu(name: str, kind: str) -> None:
    model = make_tiny(name, torch.float64, "cuda")
    groups = make_groups() if kind == "groups" else make_deep_groups(5)

    shared = compute_action_logprobs(model, groups, temperature=0.8)
    plain = compute_action_logprobs_plain(model, groups, temperature=0.8)

    for found, wanted in zip(shared, plain, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert_equal_gradients(
        find_gradients(model, shared), find_gradients(model, plain), 1e-5
    )


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_half_precision_is_as_near_the_truth_as_the_plain_forward_on_the_gpu(
    name: str,
) -> None:
    model = make_tiny(name, torch.bfloat16, "cuda")
    exact = make_tiny(name, torch.float64, "cuda")
    exact.load_state_dict(model.state_dict())

    shared, plain = compare_with_the_truth(model, exact, make_groups())

    assert 0 < shared.logprobs < 2 * plain.logprobs
    assert 0 < shared.gradient < 2 * plain.gradient


@pytest.mark.benchmark
@pytest.mark.skipif(not can_measure_peaks(), reason="needs /proc/self/clear_refs")
@pytest.mark.parametrize(
    ("compare_sides", "sides"),
    [
        (compare_sampling, engine_sampling.SIDES),
        (compare_updating, engine_updating.SIDES),
    ],
)
def test_the_comparisons_run_with_a_tiny_model_on_the_cpu(
    compare_sides: Callable[..., dict[str, float]],
    sides: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.measuring.ROUNDS", 1)

    ratios = compare_sides(
        "tiny", 64, device="cpu", dtype=torch.bfloat16, num_actions=2
    )

    assert ratios.keys() == sides.keys() - {OURS}
