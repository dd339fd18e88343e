"""Does the demonstrated action of every turn pass its own verifier?

A turn that fails can never be learned: every rollout is held against a demonstration
that the verifier itself refuses. The fault lies in the data (a call that breaks its
own schema) or in the parameters.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import FinishReason, Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_rollout


@dataclass(frozen=True, slots=True)
class FailingDemonstration:
    """One turn that fails its own verifier."""

    candidate_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What the demonstrated actions earn from a verifier."""

    num_turns: int
    failing: tuple[FailingDemonstration, ...]
    """Those with a reward below 1, or without one."""

    @property
    def num_by_reason(self) -> dict[VerdictReason, int]:
        """How many fail for each reason, most frequent first."""
        counts = Counter(each.verdict.reason for each in self.failing)
        return dict(counts.most_common())


def check_demonstrations(
    verifier: Verifier, turns: Iterable[tuple[str, State, Action]]
) -> SelfCheck:
    """Judges every demonstrated action against itself.

    Args:
        verifier: As it will judge rollouts.
        turns: Candidate id, state and demonstrated action.
    """
    num_turns = 0
    failing: list[FailingDemonstration] = []
    for candidate_id, state, action in turns:
        num_turns += 1
        verdict = judge_rollout(verifier, state, action, action, FinishReason.STOP)
        if verdict.reward != 1.0:
            failing.append(FailingDemonstration(candidate_id, verdict))
    return SelfCheck(num_turns, tuple(failing))
