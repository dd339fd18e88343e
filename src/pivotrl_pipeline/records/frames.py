"""Records from tables and back. JSON text is parsed here and nowhere else."""

import dataclasses
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias, cast, get_type_hints

import numpy as np
import pandas as pd

from pivotrl_pipeline.records.json_text import parse_json
from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    Tool,
    message_from_json,
)
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout
from pivotrl_pipeline.records.trajectories import (
    PivotCandidate,
    Split,
    State,
    Trajectory,
)

_Positions: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

SLICE_ROWS = 1024
"""Trajectories that are records at one time, where a table may be large."""
_DTYPES: dict[object, str] = {str: "str", float | None: "float64"}


def parse_trajectories(table: pd.DataFrame) -> dict[str, Trajectory]:
    """The rows of `trajectories` as records, by their id."""
    rows = table.to_dict("records")
    return {row["trajectory_id"]: _parse_trajectory(row) for row in rows}


def parse_candidates(table: pd.DataFrame) -> list[PivotCandidate]:
    """The rows of `pivot_candidates` as records, in their order."""
    names = ("candidate_id", "trajectory_id", "turn_index", "message_index")
    columns = [table[name] for name in names]
    actions = map(parse_action_json, table["demonstrated_action"])
    return list(map(PivotCandidate, *columns, actions))


def group_candidates(
    trajectories: pd.DataFrame, pivot_candidates: pd.DataFrame
) -> list[tuple[Trajectory, list[PivotCandidate]]]:
    """Each trajectory that has candidates, with them, in the order of the tables."""
    grouped: dict[str, list[PivotCandidate]] = {}
    for candidate in parse_candidates(pivot_candidates):
        grouped.setdefault(candidate.trajectory_id, []).append(candidate)
    needed = trajectories[trajectories["trajectory_id"].isin(list(grouped))]
    by_id = parse_trajectories(needed)
    return [(by_id[key], candidates) for key, candidates in grouped.items()]


def iterate_candidates(
    trajectories: pd.DataFrame, pivot_candidates: pd.DataFrame
) -> Iterator[tuple[Trajectory, list[PivotCandidate]]]:
    """Each trajectory that has candidates, with them; few are records at one time.

    In the order of `trajectories`; the candidates of each in that of their table.
    """
    for part, rows, counts in _iterate_slices(trajectories, pivot_candidates):
        candidates = iter(parse_candidates(pivot_candidates.iloc[rows]))
        for trajectory, count in zip(_iterate_trajectories(part), counts, strict=True):
            yield trajectory, list(islice(candidates, int(count)))


def iterate_states(
    trajectories: pd.DataFrame, pivot_candidates: pd.DataFrame
) -> Iterator[tuple[_Positions, list[State]]]:
    """As `iterate_candidates`, their positions in the table and their states alone."""
    indices = pivot_candidates["message_index"].to_numpy()
    for part, rows, counts in _iterate_slices(trajectories, pivot_candidates):
        of_each = np.split(rows, np.cumsum(counts)[:-1])
        for trajectory, own in zip(_iterate_trajectories(part), of_each, strict=True):
            yield own, [trajectory.state_before(int(index)) for index in indices[own]]


def rollouts_to_table(rollouts: Sequence[Rollout]) -> pd.DataFrame:
    """The table `rollouts`."""
    return pd.DataFrame(
        {
            "candidate_id": [r.candidate_id for r in rollouts],
            "sample_index": [r.sample_index for r in rollouts],
            "token_ids": [np.asarray(r.token_ids, dtype=np.int32) for r in rollouts],
            "logprobs": [np.asarray(r.logprobs, dtype=np.float32) for r in rollouts],
            "text": [r.text for r in rollouts],
            "finish_reason": [r.finish_reason.value for r in rollouts],
            "error": pd.array([r.error for r in rollouts], dtype="str"),
        }
    )


def parse_rollouts(table: pd.DataFrame) -> Iterable[Rollout]:
    """The rows of `rollouts` as records, in their order."""
    for row in table.to_dict("records"):
        yield Rollout(
            row["candidate_id"],
            row["sample_index"],
            tuple(row["token_ids"].tolist()),
            tuple(row["logprobs"].tolist()),
            row["text"],
            FinishReason(row["finish_reason"]),
            None if pd.isna(row["error"]) else row["error"],
        )


def records_to_table(records: Sequence[object]) -> pd.DataFrame:
    """One row per dataclass record, one column per field; enums as their slugs."""
    return pd.DataFrame(
        [dataclasses.asdict(record) for record in records]  # type: ignore[call-overload]
    )


def typed_records_to_table(
    records: Sequence[object], record_type: type[Any]
) -> pd.DataFrame:
    """As `records_to_table`, with the columns of ``record_type`` even without a row.

    Its fields are text, and numbers that may be missing.
    """
    dtypes = {name: _DTYPES[hint] for name, hint in get_type_hints(record_type).items()}
    rows = [dataclasses.astuple(record) for record in records]  # type: ignore[call-overload]
    return pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)


def parse_action_json(text: str) -> Action:
    """The demonstrated action of a row of `pivot_candidates`."""
    return Action.from_message(message_from_json(parse_json(text)))


def parse_tool(entry: JsonObject) -> Tool:
    """A tool from its OpenAI entry."""
    function = cast("JsonObject", entry["function"])
    return Tool(cast("str", function["name"]), entry)


def _iterate_slices(
    trajectories: pd.DataFrame, pivot_candidates: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, _Positions, _Positions]]:
    """Trajectories with candidates, the rows of these, and how many each one has."""
    ids = pd.Index(trajectories["trajectory_id"])
    places = ids.get_indexer(pd.Index(pivot_candidates["trajectory_id"]))
    order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
    owners, counts = np.unique(places[order], return_counts=True)
    ends = np.cumsum(counts)
    for start in range(0, len(owners), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        first = ends[start] - counts[start]
        rows = order[first : ends[part][-1]]
        yield trajectories.iloc[owners[part]], rows, counts[part]


def _iterate_trajectories(table: pd.DataFrame) -> Iterator[Trajectory]:
    return map(_parse_trajectory, table.to_dict("records"))


def _parse_trajectory(row: dict[Hashable, Any]) -> Trajectory:
    return Trajectory(
        trajectory_id=row["trajectory_id"],
        task_id=row["task_id"],
        domain=row["domain"],
        messages=tuple(map(message_from_json, parse_json(row["messages"]))),
        tools=tuple(map(parse_tool, parse_json(row["tools"]))),
        success=None if pd.isna(row["success"]) else bool(row["success"]),
        split=Split(row["split"]),
        metadata=parse_json(row["metadata"]),
    )
