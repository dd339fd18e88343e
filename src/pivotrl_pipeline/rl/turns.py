"""Which turns an update trains on, mixes in and measures."""

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from pivotrl_pipeline.policies.base import Policy
from pivotrl_pipeline.records.trajectories import PivotCandidate, Split, Trajectory
from pivotrl_pipeline.rl.pivots import PivotState, make_pivot_state
from pivotrl_pipeline.rl.update import UpdateTurns
from pivotrl_pipeline.sampling.seeds import derive_seed


def make_update_turns(
    policy: Policy,
    trajectories: Sequence[tuple[Trajectory, Sequence[PivotCandidate]]],
    pivot_ids: Collection[str],
    *,
    with_easy_turns: bool,
    num_heldout: int,
    max_prompt_tokens: int,
    seed: int,
) -> UpdateTurns:
    """Pivots to train on, other training turns, and a fixed sample of validation turns.

    Args:
        policy: Renders the states.
        trajectories: Each trajectory with its candidates.
        pivot_ids: Candidates to train on.
        with_easy_turns: Whether training turns that are no pivots are wanted.
        num_heldout: Size of the sample of validation turns, pivots or not, where as
            many are short enough.
        max_prompt_tokens: Longer states, which cannot be sampled, are left out.
        seed: Of the sample.
    """
    kept = set(pivot_ids)
    pivots, easy_turns, validation = [], [], []
    for trajectory, candidates in trajectories:
        for candidate in candidates:
            if candidate.candidate_id in kept:
                pivots.append((trajectory, candidate))
            elif trajectory.split is Split.VALIDATION:
                validation.append((trajectory, candidate))
            elif with_easy_turns:
                easy_turns.append((trajectory, candidate))
    random.Random(derive_seed(seed, "held-out turns")).shuffle(validation)

    def render(
        turns: Iterable[tuple[Trajectory, PivotCandidate]],
    ) -> Iterator[PivotState]:
        states = (make_pivot_state(policy, *turn) for turn in turns)
        return (each for each in states if len(each.prompt_ids) <= max_prompt_tokens)

    return UpdateTurns(
        list(render(pivots)),
        list(render(easy_turns)),
        list(islice(render(validation), num_heldout)),
    )
