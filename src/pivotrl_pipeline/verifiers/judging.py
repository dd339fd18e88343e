"""What holds before any verifier is asked: cut-off and broken text is no action.

Also the comparison of action types, which every verifier that compares contents
makes first: the decision to talk or to act is part of the action.
"""

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.records.messages import Action, ActionType
from pivotrl_pipeline.records.rollouts import FinishReason, Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.json_values import MAX_NESTING, is_nested_too_deeply


class GuardedVerifier:
    """Asks a verifier only about actions that can be judged."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """UNPARSEABLE_ACTION, or the verdict of the verifier inside."""
        refusal = refuse_unjudgeable(action)
        if refusal is not None:
            return refusal
        return self.verifier.verify(state, demonstrated_action, action)


def judge_rollout(
    verifier: Verifier,
    state: State,
    demonstrated_action: Action,
    action: Action,
    finish_reason: FinishReason,
) -> Verdict:
    """The verdict on a sampled action, given how its sampling ended.

    An action that the token limit cut off earns nothing, whatever its text looks
    like. A failed sample has no reward: the caller excludes and counts it.
    """
    if finish_reason is FinishReason.ERROR:
        return Verdict(None, VerdictReason.NOT_JUDGED, "nothing was sampled")
    if finish_reason is FinishReason.LENGTH:
        return Verdict(0.0, VerdictReason.TRUNCATED_ACTION)
    refusal = refuse_unjudgeable(action)
    if refusal is not None:
        return refusal
    return verifier.verify(state, demonstrated_action, action)


def judge_at_candidate(
    candidate_id: str,
    verifier: Verifier,
    state: State,
    demonstrated_action: Action,
    action: Action,
    finish_reason: FinishReason,
) -> Verdict:
    """As `judge_rollout`; a verifier that fails is an error that says where.

    Raises:
        VerifierError: If the verifier itself fails; names the candidate.
    """
    try:
        return judge_rollout(
            verifier, state, demonstrated_action, action, finish_reason
        )
    except Exception as error:
        raise VerifierError(
            f"The verifier failed on candidate {candidate_id!r}: "
            f"{type(error).__name__}: {error}; a bad action must give a verdict with "
            f"reward 0, so mend the verifier."
        ) from error


def refuse_unjudgeable(action: Action) -> Verdict | None:
    """The verdict on text that is no action; None where there is one to judge."""
    if action.parse_error is not None:
        return Verdict(0.0, VerdictReason.UNPARSEABLE_ACTION, action.parse_error)
    for call in action.tool_calls:
        if call.arguments is None:
            return Verdict(
                0.0,
                VerdictReason.UNPARSEABLE_ACTION,
                f"the arguments of {call.name[:60]!r} are not a JSON object",
            )
        text = call.arguments_text
        # Counting brackets is a memory scan; walking the value is not.
        if text.count("[") + text.count("{") > MAX_NESTING and is_nested_too_deeply(
            call.arguments
        ):
            return Verdict(
                0.0,
                VerdictReason.UNPARSEABLE_ACTION,
                f"arguments nested more than {MAX_NESTING} levels",
            )
    return None


def compare_action_types(demonstrated_action: Action, action: Action) -> Verdict | None:
    """The verdict where one action talks and the other calls; None where both agree."""
    if action.action_type is demonstrated_action.action_type:
        return None
    if action.action_type is ActionType.MESSAGE:
        return Verdict(0.0, VerdictReason.CALL_EXPECTED)
    return Verdict(0.0, VerdictReason.MESSAGE_EXPECTED)
