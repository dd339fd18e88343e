"""How long the states are, once a tokenizer is at hand."""

from collections.abc import Callable, Sequence

import pandas as pd

from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.trajectories import State

SLICE_ROWS = 1024
"""Trajectories that are records at one time."""


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
    for start in range(0, len(trajectories), SLICE_ROWS):
        part = trajectories.iloc[start : start + SLICE_ROWS]
        ids = part["trajectory_id"]
        of_part = pivot_candidates[pivot_candidates["trajectory_id"].isin(ids)]
        for trajectory, candidates in group_candidates(part, of_part):
            states = [trajectory.state_before(c.message_index) for c in candidates]
            names = [candidate.candidate_id for candidate in candidates]
            lengths.update(zip(names, measure(states), strict=True))
    measured = pivot_candidates["candidate_id"].map(lengths).astype("Int64")
    return pivot_candidates.assign(prompt_tokens=measured)
