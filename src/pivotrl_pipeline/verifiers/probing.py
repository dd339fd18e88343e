"""Does a verifier pay for anything but the demonstrated behaviour?

Played on held-out turns, each probe must earn less than honest actions do there;
where one does not, training will find it too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pivotrl_pipeline.records.messages import Action, ActionType
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_at_candidate
from pivotrl_pipeline.verifiers.probes import PROBES, ProbeTurn


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe earned from one verifier on the turns of one type."""

    probe: str
    action_type: ActionType
    """Of the demonstrated actions."""
    num_turns: int
    """On which the probe can be played and was judged."""
    num_excluded: int
    """On which the verifier could not judge it."""
    reward_mean: float | None
    """Of the probe's actions; None where none was judged."""
    honest_reward_mean: float | None
    """Of honest actions on the same turns; None as above."""

    @property
    def earns_less(self) -> bool:
        """True if the short cut earns less than honesty, or nothing."""
        if self.reward_mean is None or self.honest_reward_mean is None:
            return False
        return self.reward_mean == 0 or self.reward_mean < self.honest_reward_mean

    def describe(self, verifier: str) -> str:
        """One sentence for the log on what ``verifier`` pays."""
        where = f"probe {self.probe!r} on {self.action_type} turns"
        if self.reward_mean is None:
            return (
                f"Verifier {verifier!r} could not judge the {where} "
                f"({self.num_excluded} excluded): look at its endpoint."
            )
        return (
            f"Verifier {verifier!r} pays {self.reward_mean:.2f} for the {where} "
            f"({self.num_turns}); honest actions earn {self.honest_reward_mean:.2f}."
        )


def probe_verifier(verifier: Verifier, turns: Iterable[ProbeTurn]) -> list[ProbeResult]:
    """The probes' rewards, one result for each type of turn and probe.

    A probe that can be played on no turn of a type has no result.

    Args:
        verifier: As it judges rollouts.
        turns: That nothing was trained on.

    Raises:
        VerifierError: If the verifier itself fails; names the candidate.
    """
    by_type: dict[ActionType, list[ProbeTurn]] = {}
    for turn in turns:
        by_type.setdefault(turn.demonstrated_action.action_type, []).append(turn)
    results = [
        _play(verifier, probe, action_type, by_type[action_type])
        for action_type in sorted(by_type)
        for probe in PROBES
    ]
    return [each for each in results if each.num_turns or each.num_excluded]


def _play(
    verifier: Verifier,
    probe: str,
    action_type: ActionType,
    turns: Sequence[ProbeTurn],
) -> ProbeResult:
    rewards: list[float] = []
    honest: list[float] = []
    num_excluded = 0
    for turn in turns:
        action = PROBES[probe](turn)
        if action is None:
            continue
        reward = _judge(verifier, turn, action)
        if reward is None:
            num_excluded += 1
            continue
        rewards.append(reward)
        honest.append(turn.honest_reward)
    return ProbeResult(
        probe, action_type, len(rewards), num_excluded, _mean(rewards), _mean(honest)
    )


def _judge(verifier: Verifier, turn: ProbeTurn, action: Action) -> float | None:
    return judge_at_candidate(
        turn.candidate_id,
        verifier,
        turn.state,
        turn.demonstrated_action,
        action,
        FinishReason.STOP,
    ).reward


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
