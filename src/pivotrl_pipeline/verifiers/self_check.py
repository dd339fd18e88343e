"""Does the demonstrated action of every turn pass its own verifier?

A turn that fails can never be learned: every rollout is held against a demonstration
that the verifier itself refuses. The fault lies in the data (a call that breaks its
own schema) or in the parameters.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import FinishReason, Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_at_candidate

logger = logging.getLogger(__name__)

_NUM_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class FailingDemonstration:
    """One turn that fails one of its own verifiers."""

    candidate_id: str
    verifier: str
    reward: float | None
    """Below 1; None where the verifier could not judge."""
    reason: str
    detail: str


def check_demonstrations(
    verifiers: Mapping[str, Verifier],
    candidates: Iterable[tuple[Trajectory, Sequence[PivotCandidate]]],
) -> list[FailingDemonstration]:
    """The turns whose demonstrated action does not earn 1 from itself.

    The log says how many fail each verifier, for which reasons, and names a few.

    Args:
        verifiers: By name, as they judge rollouts. One that fails on a turn makes it
            a failing turn; nothing is raised.
        candidates: Each trajectory with its candidates.
    """
    num_turns = 0
    failing: list[FailingDemonstration] = []
    for trajectory, of_trajectory in candidates:
        num_turns += len(of_trajectory)
        for candidate in of_trajectory:
            state = trajectory.state_before(candidate.message_index)
            for name, verifier in verifiers.items():
                verdict = _judge(verifier, state, candidate)
                if verdict.reward != 1.0:
                    failing.append(_describe(candidate, name, verdict))
    _report(verifiers, failing, num_turns)
    return failing


def _judge(verifier: Verifier, state: State, candidate: PivotCandidate) -> Verdict:
    action: Action = candidate.demonstrated_action
    try:
        return judge_at_candidate(
            candidate.candidate_id, verifier, state, action, action, FinishReason.STOP
        )
    except VerifierError as error:
        return Verdict(None, VerdictReason.NOT_JUDGED, str(error))


def _describe(
    candidate: PivotCandidate, verifier: str, verdict: Verdict
) -> FailingDemonstration:
    return FailingDemonstration(
        candidate.candidate_id,
        verifier,
        verdict.reward,
        verdict.reason.value,
        verdict.detail,
    )


def _report(
    verifiers: Iterable[str], failing: Sequence[FailingDemonstration], num_turns: int
) -> None:
    if not failing:
        logger.info(
            "All %s demonstrated actions pass their verifiers.", f"{num_turns:,}"
        )
    for name in verifiers:
        own = [each for each in failing if each.verifier == name]
        if not own:
            continue
        reasons = Counter(each.reason for each in own).most_common()
        logger.warning(
            "%s of %s demonstrated actions fail verifier %r (%s), for example %s: no "
            "rollout can be right there. All of them are in `demonstration_check`.",
            f"{len(own):,}",
            f"{num_turns:,}",
            name,
            ", ".join(f"{count:,} {reason}" for reason, count in reasons),
            ", ".join(each.candidate_id for each in own[:_NUM_EXAMPLES]),
        )
