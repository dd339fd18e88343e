"""What a verifier is."""

from typing import Protocol

from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict
from pivotrl_pipeline.records.trajectories import State


class Verifier(Protocol):
    """Judges functional equivalence of two actions at one state.

    A bad action is a verdict, never an exception. Whatever is raised is a failure of
    the verifier itself and ends the run with the candidate's id.
    """

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The reward of ``action`` in [0, 1], with its reason."""
        ...
