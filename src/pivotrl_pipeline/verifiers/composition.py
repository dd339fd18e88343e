"""Verifiers made of verifiers."""

from collections.abc import Mapping, Sequence

from pivotrl_pipeline.errors import VerifierError, describe_choices
from pivotrl_pipeline.records.messages import Action, ActionType
from pivotrl_pipeline.records.rollouts import Verdict
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import compare_action_types

OTHER_DOMAINS = "*"
"""The key that stands for every domain without a verifier of its own."""


class ByActionTypeVerifier:
    """Lets the demonstrated action's type choose; talk never stands for a call."""

    def __init__(self, verifiers: Mapping[ActionType, Verifier]) -> None:
        self._verifiers = dict(verifiers)

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """CALL_EXPECTED, MESSAGE_EXPECTED, or the chosen verifier's verdict."""
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        chosen = self._verifiers[demonstrated_action.action_type]
        return chosen.verify(state, demonstrated_action, action)


class ByDomainVerifier:
    """Lets the state's domain choose."""

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        self._verifiers = dict(verifiers)

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The verdict of the domain's verifier.

        Raises:
            VerifierError: If neither the domain nor `*` has one.
        """
        others = self._verifiers.get(OTHER_DOMAINS)
        chosen = self._verifiers.get(state.domain, others)
        if chosen is None:
            raise VerifierError(
                f"No verifier for domain {state.domain!r}; "
                f"{describe_choices(state.domain, self._verifiers)} Add the domain to "
                "`domains`, or '*' for all others."
            )
        return chosen.verify(state, demonstrated_action, action)


class ExtremeOfVerifier:
    """The smallest or the largest reward of several verifiers."""

    def __init__(self, verifiers: Sequence[Verifier], *, decisive: float) -> None:
        """Asks nobody yet.

        Args:
            verifiers: In the order in which they are asked.
            decisive: The reward after which no other is asked: 0 takes the smallest,
                1 the largest.
        """
        self._verifiers = tuple(verifiers)
        self._decisive = decisive

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The verdict nearest the decisive reward; the first of equals.

        One that could not judge might have been decisive: it excludes the action
        unless another one is.
        """
        verdicts = []
        for verifier in self._verifiers:
            verdict = verifier.verify(state, demonstrated_action, action)
            if verdict.reward == self._decisive:
                return verdict
            verdicts.append(verdict)
        return min(verdicts, key=self._distance)

    def _distance(self, verdict: Verdict) -> float:
        return 0.0 if verdict.reward is None else abs(verdict.reward - self._decisive)
