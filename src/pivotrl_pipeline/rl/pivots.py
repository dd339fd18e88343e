"""Pivots as an update sees them, and the order in which they come.

The order is a function of the seed and the update's index alone, so an update that
was killed needs no generator's state to go on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pivotrl_pipeline.policies.base import Policy
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory
from pivotrl_pipeline.sampling.seeds import derive_seed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PivotState:
    """A turn to sample actions at, with what its verifier needs."""

    candidate_id: str
    prompt_ids: tuple[int, ...]
    """The state as the policy renders it."""
    state: State
    demonstrated_action: Action


def make_pivot_state(
    policy: Policy, trajectory: Trajectory, candidate: PivotCandidate
) -> PivotState:
    """The candidate's state, rendered by ``policy``."""
    state = trajectory.state_before(candidate.message_index)
    return PivotState(
        candidate.candidate_id,
        tuple(policy.render(state)),
        state,
        candidate.demonstrated_action,
    )


def draw_pivots(
    pivots: Sequence[PivotState],
    easy_turns: Sequence[PivotState],
    *,
    update_index: int,
    pivots_per_update: int,
    easy_turn_rate: float,
    seed: int,
) -> list[PivotState]:
    """The states of one update: pivots, then easy turns.

    Each list is walked pass by pass. The number of easy turns is rounded down, so that
    there is always a pivot.
    """
    num_easy = int(easy_turn_rate * pivots_per_update)
    num_pivots = pivots_per_update - num_easy
    return [
        *take_in_passes(pivots, update_index * num_pivots, num_pivots, seed, "pivots"),
        *take_in_passes(
            easy_turns, update_index * num_easy, num_easy, seed, "easy_turns"
        ),
    ]


def take_in_passes(
    items: Sequence[T], first: int, count: int, seed: int, stream: str
) -> list[T]:
    """``count`` items after the first ``first`` of an endless walk over all of them.

    The walk goes pass by pass, each in an order of its own that ``seed`` and ``stream``
    decide, so all items come up equally often.
    """
    taken: list[T] = []
    while len(taken) < count:
        pass_index, offset = divmod(first + len(taken), len(items))
        order = list(items)
        random.Random(derive_seed(seed, stream, pass_index)).shuffle(order)
        taken += order[offset : offset + count - len(taken)]
    return taken
