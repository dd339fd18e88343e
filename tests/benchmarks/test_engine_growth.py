"""How the engine's cost grows with turns, actions and trajectories:
``pytest tests/benchmarks/test_engine_growth.py -m benchmark -s``.

Seconds to sample, and to compute an update's gradient, with a model of a million
parameters; beside them the tokens that were forwarded, and those that repeating the
prompt for each action would forward.
"""

import statistics
from collections.abc import Sequence

import pytest
import torch

from benchmarks.engine_models import draw_tokens, make_model, make_prompts
from benchmarks.engine_sampling import Work, sample_shared
from benchmarks.measuring import say, time_sides
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    count_unique_tokens,
)
from pivotrl_pipeline.policies.groups import ActionGroup, batch_groups
from pivotrl_pipeline.policies.sharing import find_sharing
from pivotrl_pipeline.policies.token_counts import TokenCounts

pytestmark = pytest.mark.benchmark

SIZE = "1M"
MAX_TOKENS = 16_384
SAMPLING, UPDATING = "sampling", "updating"


def measure(
    trajectories: Sequence[Sequence[Sequence[int]]], num_samples: int, num_new: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds, and tokens, to act K times at each state of each trajectory."""
    model = make_model(SIZE)
    find_sharing(model)
    works = [Work(prompts, num_samples, num_new) for prompts in trajectories]
    actions = [draw_tokens(SIZE, num_new, seed) for seed in range(num_samples)]
    groups = [ActionGroup(p, actions) for prompts in trajectories for p in prompts]
    parts = [
        [groups[index] for index in indices]
        for indices in batch_groups(groups, max_tokens=MAX_TOKENS)
    ]
    counts = TokenCounts()

    def sample() -> None:
        with torch.no_grad():
            for work in works:
                found = sample_shared(model, work)
                counts.forwarded += found.forwarded

    def update() -> None:
        model.zero_grad()
        for part in parts:
            rows = compute_action_logprobs(model, part, temperature=1.0)
            torch.stack([each.sum() for each in rows]).sum().backward()

    seconds = time_sides({SAMPLING: sample, UPDATING: update})
    times = {name: statistics.median(rounds) for name, rounds in seconds.items()}
    tokens = {
        SAMPLING: counts.forwarded // len(seconds[SAMPLING]),
        UPDATING: sum(count_unique_tokens(part) for part in parts),
        "repeated": sum(group.num_plain_tokens for group in groups),
    }
    return times, tokens


def print_row(label: str, times: dict[str, float], tokens: dict[str, int]) -> None:
    columns = ""
    for side in (SAMPLING, UPDATING):
        each = 1e6 * times[side] / tokens[side]
        columns += f"{times[side]:10.3f} s{tokens[side]:11,}{each:8.1f}"
    say(f"  {label:<20}{columns}{tokens['repeated']:12,}")


def print_head(title: str) -> None:
    columns = "".join(
        f"{side:>12}{'tokens':>11}{'us each':>8}" for side in (SAMPLING, UPDATING)
    )
    say(f"\n{title}\n  {'':<20}{columns}{'repeated':>12}")


def test_turns_of_one_trajectory() -> None:
    print_head("Turns of a trajectory of 2,048 tokens, K = 8, 24 new tokens")
    costs = {}
    for num_turns in (2, 4, 8, 16, 32):
        prompts = make_prompts(SIZE, num_turns=num_turns, num_tokens=2048)
        times, tokens = measure([prompts], 8, 24)
        print_row(f"{num_turns} turns", times, tokens)
        costs[num_turns] = times[UPDATING] / tokens[UPDATING]
    assert costs[32] < 2 * costs[2]


def test_actions_at_a_state() -> None:
    print_head("K actions at each of 8 turns, 2,048 tokens, 24 new tokens")
    prompts = make_prompts(SIZE, num_turns=8, num_tokens=2048)
    costs = {}
    for num_samples in (2, 4, 8, 16, 32, 64):
        times, tokens = measure([prompts], num_samples, 24)
        print_row(f"K = {num_samples}", times, tokens)
        costs[num_samples] = times[UPDATING] / tokens[UPDATING]
    assert costs[64] < 2 * costs[2]


def test_trajectories() -> None:
    print_head("Trajectories of 4 turns and 256 tokens, K = 4, 8 new tokens")
    costs = {}
    for count in (10, 100, 1000):
        trajectories = [
            make_prompts(SIZE, num_turns=4, num_tokens=256, seed=seed)
            for seed in range(count)
        ]
        times, tokens = measure(trajectories, 4, 8)
        print_row(f"{count:,} trajectories", times, tokens)
        costs[count] = times[SAMPLING] / count
    assert costs[1000] < 2 * costs[10]
