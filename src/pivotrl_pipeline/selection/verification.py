"""Every verifier's verdict on every rollout."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout, Verdict
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_at_candidate

PROGRESS_DELAY_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class JudgedRollout:
    """One rollout's verdict by one verifier."""

    candidate_id: str
    sample_index: int
    verifier: str
    reward: float | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Question:
    """What a verifier is asked at one candidate."""

    state: State
    demonstrated_action: Action


def verify_rollouts(
    rollouts: Iterable[Rollout],
    candidates: Sequence[tuple[Trajectory, Sequence[PivotCandidate]]],
    verifiers: Mapping[str, Verifier],
) -> list[JudgedRollout]:
    """A verdict per rollout and verifier, in the order of the rollouts.

    Equal texts at one state are judged once. A rollout that failed is excluded.

    Raises:
        VerifierError: If a verifier itself fails; names the candidate.
    """
    questions = {
        candidate.candidate_id: _Question(
            trajectory.state_before(candidate.message_index),
            candidate.demonstrated_action,
        )
        for trajectory, of_trajectory in candidates
        for candidate in of_trajectory
    }
    known: dict[tuple[str, str, str, FinishReason], Verdict] = {}
    judged = []
    for rollout in tqdm(
        rollouts, desc="verifying", unit="rollout", delay=PROGRESS_DELAY_SECONDS
    ):
        question = questions[rollout.candidate_id]
        for name, verifier in verifiers.items():
            key = (name, rollout.candidate_id, rollout.text, rollout.finish_reason)
            if key not in known:
                known[key] = judge_at_candidate(
                    rollout.candidate_id,
                    verifier,
                    question.state,
                    question.demonstrated_action,
                    parse_action(rollout.text, question.state.tools),
                    rollout.finish_reason,
                )
            verdict = known[key]
            judged.append(
                JudgedRollout(
                    rollout.candidate_id,
                    rollout.sample_index,
                    name,
                    verdict.reward,
                    verdict.reason.value,
                    verdict.detail,
                )
            )
    return judged
