"""Trajectories, their turns, and the states and candidates cut from them."""

from dataclasses import dataclass, field
from enum import StrEnum

from pivotrl_pipeline.records.messages import Action, JsonObject, Message, Role, Tool


class Split(StrEnum):
    """Which side of the split a trajectory's task is on."""

    TRAIN = "train"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One recorded agent run."""

    trajectory_id: str
    task_id: str
    """The split unit: runs of one task are never on both sides."""
    domain: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    success: bool | None
    """None where the record does not say."""
    split: Split = Split.TRAIN
    metadata: JsonObject = field(default_factory=dict)

    @property
    def turn_message_indices(self) -> tuple[int, ...]:
        """Where the assistant speaks: entry t is the message index of turn t."""
        return tuple(
            index
            for index, message in enumerate(self.messages)
            if message.role is Role.ASSISTANT
        )

    def state_before(self, message_index: int) -> "State":
        """Everything the policy sees before the message at ``message_index``."""
        return State(
            self.messages[:message_index], self.tools, self.metadata, self.domain
        )


@dataclass(frozen=True, slots=True)
class State:
    """Everything the policy sees before a turn."""

    prefix: tuple[Message, ...]
    tools: tuple[Tool, ...]
    metadata: JsonObject = field(default_factory=dict)
    """The trajectory's; a verifier that rebuilds the environment finds the task here.
    Never rendered."""
    domain: str = ""
    """The trajectory's; a verifier may be chosen by it. Never rendered."""


@dataclass(frozen=True, slots=True)
class PivotCandidate:
    """One assistant turn: a state and the action demonstrated there.

    The state is not stored: it is the trajectory's messages before ``message_index``.
    """

    candidate_id: str
    trajectory_id: str
    turn_index: int
    """0-based, counting assistant turns."""
    message_index: int
    """0-based, counting messages."""
    demonstrated_action: Action


def make_candidate_id(trajectory_id: str, turn_index: int) -> str:
    """``traj-0007#3``: stable under reordering and filtering of other turns."""
    return f"{trajectory_id}#{turn_index}"
