"""Profiling: K actions at every candidate's state from the frozen initial policy.

A trajectory is sampled in one call, so that its states, which are prefixes of each
other, share their computation; the sample indices go in blocks of `BLOCK_SIZE`, so
that K = 8 followed by K = 16 computes only the second block.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.base import Policy, PolicyCache, SamplingSettings
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout
from pivotrl_pipeline.records.trajectories import PivotCandidate, Trajectory
from pivotrl_pipeline.sampling.rollout_store import RolloutStore, Unit, make_unit_key
from pivotrl_pipeline.sampling.seeds import derive_seed

logger = logging.getLogger(__name__)

BLOCK_SIZE = 8
"""Sample indices per call. Part of the arithmetic: batch shapes depend on it."""
FLUSH_SECONDS = 30.0
"""How much sampling a kill may cost."""


@dataclass(frozen=True, slots=True)
class ProfilingSettings:
    """How candidates are profiled."""

    sampling: SamplingSettings
    num_rollouts: int
    """K, actions per candidate."""
    max_prompt_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class SamplingCost:
    """What sampling took; samples from the store count as when they were made."""

    num_samples: int
    """Actions, in whole blocks: more than K per candidate where K is no multiple of
    `BLOCK_SIZE`."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One block of one trajectory: the unit of sampling and of the store."""

    candidates: tuple[PivotCandidate, ...]
    prompts: tuple[tuple[int, ...], ...]
    seeds: tuple[tuple[int, ...], ...]
    first_index: int
    key: str


def sample_rollouts(
    policy: Policy,
    trajectories: Sequence[tuple[Trajectory, Sequence[PivotCandidate]]],
    settings: ProfilingSettings,
    store: RolloutStore,
    *,
    scope: str,
) -> tuple[list[Rollout], SamplingCost]:
    """K rollouts per candidate, in the order of candidates and sample indices.

    A state longer than ``max_prompt_tokens``, or one whose sampling failed, gives
    rollouts with an ``error``: nothing is truncated, dropped or scored.

    Args:
        policy: The frozen initial policy.
        trajectories: Each trajectory with its candidates.
        settings: K, temperature, limits and the run's seed.
        store: Where samples of earlier runs are found and new ones are kept.
        scope: What samples depend on beside their prompts and seeds: the policy's
            fingerprint, the engine's code, the arithmetic and the sampling settings.

    Returns:
        The rollouts, and what sampling them took.

    Raises:
        PolicyError: If sampling failed everywhere.
    """
    calls: list[_Call] = []
    rollouts: dict[tuple[str, int], Rollout] = {}
    for trajectory, candidates in trajectories:
        fitting: list[tuple[PivotCandidate, list[int]]] = []
        for candidate in candidates:
            prompt = policy.render(trajectory.state_before(candidate.message_index))
            if len(prompt) <= settings.max_prompt_tokens:
                fitting.append((candidate, prompt))
            else:
                error = (
                    f"the state has {len(prompt)} tokens, "
                    f"rollout_sampling.max_prompt_tokens is "
                    f"{settings.max_prompt_tokens}"
                )
                indices = range(settings.num_rollouts)
                rollouts.update(_failed_rollouts(candidate, indices, error))
        if fitting:
            calls.extend(_make_calls(fitting, settings, scope))
    computed = _compute_units(policy, calls, settings.sampling, store)
    for call, unit in computed:
        rollouts.update(_to_rollouts(policy, call, unit))
    ordered = [
        rollouts[candidate.candidate_id, sample_index]
        for _, candidates in trajectories
        for candidate in candidates
        for sample_index in range(settings.num_rollouts)
    ]
    return ordered, _sum_cost(unit for _, unit in computed)


def _sum_cost(units: Iterable[Unit | PolicyError]) -> SamplingCost:
    sampled = [unit for unit in units if isinstance(unit, Unit)]
    return SamplingCost(
        sum(len(samples) for unit in sampled for samples in unit.samples),
        sum((unit.seconds for unit in sampled), start=0.0),
    )


def _make_calls(
    fitting: Sequence[tuple[PivotCandidate, list[int]]],
    settings: ProfilingSettings,
    scope: str,
) -> list[_Call]:
    candidates = tuple(candidate for candidate, _ in fitting)
    prompts = tuple(tuple(prompt) for _, prompt in fitting)
    calls = []
    for first_index in range(0, settings.num_rollouts, BLOCK_SIZE):
        seeds = tuple(
            tuple(
                derive_seed(settings.seed, candidate.candidate_id, sample_index)
                for sample_index in range(first_index, first_index + BLOCK_SIZE)
            )
            for candidate in candidates
        )
        key = make_unit_key(scope, prompts, seeds)
        calls.append(_Call(candidates, prompts, seeds, first_index, key))
    return calls


def _compute_units(
    policy: Policy,
    calls: Sequence[_Call],
    sampling: SamplingSettings,
    store: RolloutStore,
) -> list[tuple[_Call, Unit | PolicyError]]:
    units: dict[str, Unit | PolicyError] = dict(store.find([c.key for c in calls]))
    missing = [call for call in calls if call.key not in units]
    if len(missing) < len(calls):
        logger.info(
            "%d of %d blocks of samples come from the rollout store.",
            len(calls) - len(missing),
            len(calls),
        )
    cache = policy.open_cache() if missing else None
    flushed = time.monotonic()
    try:
        for call in tqdm(missing, desc="sampling", unit="block", disable=not missing):
            units[call.key] = _sample_unit(policy, call, sampling, store, cache)
            if time.monotonic() - flushed > FLUSH_SECONDS:
                store.flush()
                flushed = time.monotonic()
    finally:
        store.flush()
    failures = [unit for unit in units.values() if isinstance(unit, PolicyError)]
    if failures and len(failures) == len(units):
        raise failures[0]
    return [(call, units[call.key]) for call in calls]


def _sample_unit(
    policy: Policy,
    call: _Call,
    sampling: SamplingSettings,
    store: RolloutStore,
    cache: PolicyCache | None,
) -> Unit | PolicyError:
    started = time.perf_counter()
    try:
        samples = policy.sample(call.prompts, call.seeds, sampling, cache=cache)
    except PolicyError as error:
        logger.warning("%s: not sampled: %s", call.candidates[0].trajectory_id, error)
        return error
    unit = Unit(samples, time.perf_counter() - started)
    store.add(call.key, unit)
    return unit


def _to_rollouts(
    policy: Policy, call: _Call, unit: Unit | PolicyError
) -> dict[tuple[str, int], Rollout]:
    indices = range(call.first_index, call.first_index + BLOCK_SIZE)
    rollouts: dict[tuple[str, int], Rollout] = {}
    if isinstance(unit, PolicyError):
        for candidate in call.candidates:
            rollouts.update(_failed_rollouts(candidate, indices, str(unit)))
        return rollouts
    for candidate, samples in zip(call.candidates, unit.samples, strict=True):
        for sample_index, sample in zip(indices, samples, strict=True):
            rollouts[candidate.candidate_id, sample_index] = Rollout(
                candidate.candidate_id,
                sample_index,
                sample.token_ids,
                sample.logprobs,
                policy.decode(sample.token_ids),
                sample.finish_reason,
            )
    return rollouts


def _failed_rollouts(
    candidate: PivotCandidate, sample_indices: range, error: str
) -> dict[tuple[str, int], Rollout]:
    return {
        (candidate.candidate_id, sample_index): Rollout(
            candidate.candidate_id, sample_index, (), (), "", FinishReason.ERROR, error
        )
        for sample_index in sample_indices
    }
