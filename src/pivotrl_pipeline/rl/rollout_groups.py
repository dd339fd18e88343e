"""Fresh rollouts at pivots, judged: what an update learns from."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.policies.base import Policy, Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.rl.pivots import PivotState
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_at_candidate

GREEDY_TEMPERATURE = 0.0


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """One sampled action and its reward."""

    sample: Sample
    action: Action
    reward: float | None
    """None: sampling failed, or the verifier could not be reached."""


@dataclass(frozen=True, slots=True)
class RolloutGroup:
    """The actions sampled at one pivot."""

    pivot: PivotState
    rollouts: tuple[JudgedSample, ...]

    @property
    def judged(self) -> tuple[JudgedSample, ...]:
        """The rollouts that have a reward."""
        return tuple(r for r in self.rollouts if r.reward is not None)


def sample_rollout_groups(
    policy: Policy,
    verifier: Verifier,
    pivots: Sequence[PivotState],
    seeds: Sequence[Sequence[int]],
    settings: SamplingSettings,
) -> list[RolloutGroup]:
    """One group per pivot and one rollout per seed, in their order.

    Raises:
        PolicyError: If sampling failed.
        VerifierError: If the verifier itself failed; names the candidate.
    """
    sampled = policy.sample([pivot.prompt_ids for pivot in pivots], seeds, settings)
    return [
        RolloutGroup(
            pivot, tuple(_judge(policy, verifier, pivot, sample) for sample in samples)
        )
        for pivot, samples in zip(pivots, sampled, strict=True)
    ]


def measure_greedy_reward(
    policy: Policy,
    verifier: Verifier,
    turns: Sequence[PivotState],
    *,
    max_new_tokens: int,
) -> float:
    """Mean reward of the greedy action over the turns that could be judged.

    Raises:
        VerifierError: If no turn could be judged.
    """
    settings = SamplingSettings(GREEDY_TEMPERATURE, 1.0, max_new_tokens)
    seeds = [[0]] * len(turns)
    groups = sample_rollout_groups(policy, verifier, turns, seeds, settings)
    rewards = [r.reward for g in groups for r in g.rollouts if r.reward is not None]
    if not rewards:
        raise VerifierError(
            f"None of the {len(turns)} held-out turns could be judged; expected a "
            f"reward for at least one: see whether the verifier can be reached."
        )
    return statistics.fmean(rewards)


def _judge(
    policy: Policy, verifier: Verifier, pivot: PivotState, sample: Sample
) -> JudgedSample:
    action = policy.parse(policy.decode(sample.token_ids), pivot.state.tools)
    verdict = judge_at_candidate(
        pivot.candidate_id,
        verifier,
        pivot.state,
        pivot.demonstrated_action,
        action,
        sample.finish_reason,
    )
    return JudgedSample(sample, action, verdict.reward)
