"""How long the states are, once a tokenizer is at hand."""

from collections.abc import Callable, Sequence

import pandas as pd

from pivotrl_pipeline.records.frames import iterate_candidates
from pivotrl_pipeline.records.trajectories import State


def measure_prompts(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    measure: Callable[[Sequence[State]], Sequence[int]],
) -> pd.DataFrame:
    """`pivot_candidates` with ``prompt_tokens`` filled in.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        measure: Tokens of each of a trajectory's states as a policy renders them.
    """
    lengths: dict[str, int] = {}
    for trajectory, candidates in iterate_candidates(trajectories, pivot_candidates):
        states = [trajectory.state_before(c.message_index) for c in candidates]
        names = [candidate.candidate_id for candidate in candidates]
        lengths.update(zip(names, measure(states), strict=True))
    measured = pivot_candidates["candidate_id"].map(lengths).astype("Int64")
    return pivot_candidates.assign(prompt_tokens=measured)
