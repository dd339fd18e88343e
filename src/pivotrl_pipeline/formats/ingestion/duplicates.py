"""Finds trajectories and states that come more than once."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.formats.ingestion.tables import AcceptedRow

_Positions: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"


@dataclass(frozen=True, slots=True)
class RepeatedStates:
    """The states that occur at more than one turn, in the order of their first turns.

    Turns are named by their positions among all turns. All arrays have one entry a
    state.
    """

    num_states: int
    """Distinct states, repeated or not."""
    first_turns: _Positions
    other_turns: _Positions
    """The first turn whose action differs from that of the state's first turn; where
    none does, the state's second turn."""
    num_turns: _Positions
    num_actions: _Positions
    """Different actions demonstrated there."""


class DuplicateFinder:
    """Remembers every trajectory and state seen, in a few bytes each."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._rows_by_id: dict[str, tuple[bytes, str]] = {}
        self._ids_by_digest: dict[bytes, str] = {}
        self._states = array("q")
        self._actions = array("q")
        self.repeated_trajectories: dict[str, list[str]] = {}
        """The ids under which each first one comes again."""

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
                f"messages or tools differ; ids must be unique: change one, or leave "
                f"them out of the rows (trial in those of tau-bench) and they are made "
                f"from the content.",
            )
        self._rows_by_id[row.trajectory_id] = (row.digest, row.row.address)
        first_id = self._ids_by_digest.setdefault(row.digest, row.trajectory_id)
        if first_id != row.trajectory_id:
            self.repeated_trajectories.setdefault(first_id, []).append(
                row.trajectory_id
            )
        return None

    def remember_turns(self, states: Iterable[int], actions: Iterable[int]) -> None:
        """Takes the digests of candidates, in the order of the table."""
        self._states.extend(states)
        self._actions.extend(actions)

    def find_repeated_states(self) -> RepeatedStates:
        """Repeated states among the turns of all admitted rows."""
        states = np.frombuffer(self._states, dtype=np.int64)
        actions = np.frombuffer(self._actions, dtype=np.int64)
        # Stable: the turns of one state stay in the order of the rows.
        order = np.argsort(states, kind="stable")
        states, actions = states[order], actions[order]
        starts = np.flatnonzero(np.diff(states, prepend=~states[:1]) != 0)
        counts = np.diff(starts, append=len(states))
        places = np.arange(len(states))
        differs = actions != np.repeat(actions[starts], counts)
        others = np.minimum.reduceat(np.where(differs, places, len(states)), starts)
        others = np.where(others < len(states), others, starts + 1)
        is_repeated = counts > 1
        first_turns = order[starts[is_repeated]]
        by_first = np.argsort(first_turns)
        return RepeatedStates(
            len(starts),
            first_turns[by_first],
            order[others[is_repeated]][by_first],
            counts[is_repeated][by_first],
            _count_different(states, actions, starts)[is_repeated][by_first],
        )


def make_duplicates_table(
    states: RepeatedStates,
    repeated_trajectories: Mapping[str, Sequence[str]],
    candidate_ids: pd.Series,
) -> pd.DataFrame:
    """The table `duplicates`: trajectories, then states, the most disputed first.

    Args:
        states: Those that are repeated.
        repeated_trajectories: The other ids of each first one.
        candidate_ids: Of all turns.
    """
    order = np.lexsort((-states.num_turns, -states.num_actions))
    others = list(repeated_trajectories.values())
    return pd.DataFrame(
        {
            "kind": _to_text([*["trajectory"] * len(others), *["state"] * len(order)]),
            "first_id": _to_text(
                [*repeated_trajectories, *candidate_ids.iloc[states.first_turns[order]]]
            ),
            "other_id": _to_text(
                [
                    *(ids[0] for ids in others),
                    *candidate_ids.iloc[states.other_turns[order]],
                ]
            ),
            "occurrences": np.array(
                [*(len(ids) + 1 for ids in others), *states.num_turns[order]],
                dtype=np.int64,
            ),
            "demonstrated_actions": pd.array(
                [*[pd.NA] * len(others), *states.num_actions[order]], dtype="Int64"
            ),
        }
    )


def _count_different(
    states: _Positions, actions: _Positions, starts: _Positions
) -> _Positions:
    """Different actions of each state; the states are sorted."""
    order = np.lexsort((actions, states))
    ordered = actions[order]
    is_new = np.ones(len(ordered), dtype=np.int64)
    is_new[1:] = ordered[1:] != ordered[:-1]
    is_new[starts] = 1
    return np.add.reduceat(is_new, starts)


def _to_text(values: list[str]) -> pd.api.extensions.ExtensionArray:
    return pd.array(values, dtype="str")
