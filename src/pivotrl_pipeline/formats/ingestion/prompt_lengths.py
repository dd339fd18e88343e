"""How long the states are, once a tokenizer is at hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import tee

import numpy as np
import pandas as pd

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.records.frames import iterate_states
from pivotrl_pipeline.records.trajectories import State


def measure_prompts(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    measure: Callable[[Iterable[Sequence[State]]], Iterator[list[int]]],
) -> pd.DataFrame:
    """`pivot_candidates` with ``prompt_tokens`` filled in.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        measure: Tokens of the states of each trajectory as a policy renders them; asks
            for the next trajectory when it has rendered one.

    Raises:
        PolicyError: If a state cannot be rendered; names the trajectory.
    """
    tokens = np.full(len(pivot_candidates), -1)
    # Both run at the pace of `measure`, which looks a few trajectories ahead.
    pairs, ahead = tee(iterate_states(trajectories, pivot_candidates))
    row = 0

    def iterate() -> Iterator[Sequence[State]]:
        nonlocal row
        for rows, states in ahead:
            row = int(rows[0])
            yield states

    try:
        for (rows, _), count in zip(pairs, measure(iterate()), strict=True):
            tokens[rows] = count
    except PolicyError as error:
        name = pivot_candidates["trajectory_id"].iloc[row]
        raise PolicyError(f"Trajectory {name!r}: {error}") from error
    measured = pd.arrays.IntegerArray(tokens, mask=tokens < 0)
    return pivot_candidates.assign(prompt_tokens=measured)
