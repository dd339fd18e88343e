"""How long the states are, once a tokenizer is at hand."""

from collections.abc import Callable

import pandas as pd

from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.trajectories import State


def measure_prompts(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    count_tokens: Callable[[State], int],
) -> pd.DataFrame:
    """`pivot_candidates` with ``prompt_tokens`` filled in.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        count_tokens: Tokens of a state as a policy renders it.
    """
    lengths = {
        candidate.candidate_id: count_tokens(
            trajectory.state_before(candidate.message_index)
        )
        for trajectory, candidates in group_candidates(trajectories, pivot_candidates)
        for candidate in candidates
    }
    measured = pivot_candidates["candidate_id"].map(lengths).astype("Int64")
    return pivot_candidates.assign(prompt_tokens=measured)
