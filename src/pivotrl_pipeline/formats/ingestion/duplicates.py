"""Finds trajectories and states that come more than once."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.formats.ingestion.tables import AcceptedRow


@dataclass(frozen=True, slots=True)
class StateReport:
    """How often the same state occurs."""

    num_states: int
    """Distinct states."""
    num_repeated: int
    """States that occur at more than one turn."""
    num_contested: int
    """States at which different actions were demonstrated."""
    contested_turns: tuple[int, int] | None
    """Two turns of one contested state: their positions among all turns."""


class DuplicateFinder:
    """Remembers every trajectory and state seen, in a few bytes each."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._rows_by_id: dict[str, tuple[bytes, str]] = {}
        self._digests: set[bytes] = set()
        self._states = array("q")
        self._actions = array("q")
        self.num_repeated_trajectories = 0

    def admit(self, row: AcceptedRow) -> tuple[RejectionReason, str] | None:
        """Remembers the row; why it cannot be kept, if its id is taken.

        A trajectory that repeats another under an id of its own is kept and counted:
        how often a run occurs is the user's choice.
        """
        earlier = self._rows_by_id.get(row.trajectory_id)
        if earlier is not None:
            digest, address = earlier
            if digest == row.digest:
                return (
                    RejectionReason.DUPLICATE_TRAJECTORY,
                    f"trajectory {row.trajectory_id!r} repeats {address}.",
                )
            return (
                RejectionReason.DUPLICATE_ID,
                f"trajectory_id {row.trajectory_id!r} is that of {address}, whose "
                f"messages differ; ids must be unique: rename one, or drop the ids "
                f"and they are made from the content.",
            )
        self._rows_by_id[row.trajectory_id] = (row.digest, row.row.address)
        self.num_repeated_trajectories += row.digest in self._digests
        self._digests.add(row.digest)
        return None

    def remember_turns(self, states: Iterable[int], actions: Iterable[int]) -> None:
        """Takes the digests of candidates, in the order of the table."""
        self._states.extend(states)
        self._actions.extend(actions)

    def report_states(self) -> StateReport:
        """Repeated and contested states among the turns of all admitted rows."""
        states = np.frombuffer(self._states, dtype=np.int64)
        actions = np.frombuffer(self._actions, dtype=np.int64)
        # Stable: the turns of one state stay in the order of the rows.
        order = np.argsort(states, kind="stable")
        states, actions = states[order], actions[order]
        is_same_state = states[1:] == states[:-1]
        is_contested = is_same_state & (actions[1:] != actions[:-1])
        pairs = np.column_stack((order[:-1], order[1:]))[is_contested]
        first = pairs[pairs[:, 0].argmin()] if len(pairs) else None
        return StateReport(
            num_states=len(states) - int(is_same_state.sum()),
            num_repeated=len(np.unique(states[1:][is_same_state])),
            num_contested=len(np.unique(states[1:][is_contested])),
            contested_turns=None if first is None else (int(first[0]), int(first[1])),
        )
