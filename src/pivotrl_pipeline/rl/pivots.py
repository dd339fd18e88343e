"""Pivots as an update sees them, and the order in which they come.

The order is a function of the seed and the update's index alone, so an update that
was killed needs no generator's state to go on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from pivotrl_pipeline.policies.base import Policy
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.trajectories import PivotCandidate, State, Trajectory
from pivotrl_pipeline.sampling.seeds import derive_seed


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

    Each list is walked pass by pass, every pass in an order of its own, so all of its
    states come up equally often. The number of easy turns is rounded down, so that
    there is always a pivot.
    """
    num_easy = int(easy_turn_rate * pivots_per_update)
    num_pivots = pivots_per_update - num_easy
    return [
        *_take(pivots, update_index * num_pivots, num_pivots, seed, "pivots"),
        *_take(easy_turns, update_index * num_easy, num_easy, seed, "easy_turns"),
    ]


def _take(
    states: Sequence[PivotState], first: int, count: int, seed: int, stream: str
) -> list[PivotState]:
    taken: list[PivotState] = []
    while len(taken) < count:
        pass_index, offset = divmod(first + len(taken), len(states))
        order = list(states)
        random.Random(derive_seed(seed, stream, pass_index)).shuffle(order)
        taken += order[offset : offset + count - len(taken)]
    return taken
