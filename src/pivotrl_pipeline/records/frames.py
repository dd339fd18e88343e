"""Records from tables and back. JSON text is parsed here and nowhere else."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import cast

import pandas as pd

from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    Tool,
    message_from_json,
)
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout
from pivotrl_pipeline.records.trajectories import PivotCandidate, Split, Trajectory


def parse_trajectories(table: pd.DataFrame) -> dict[str, Trajectory]:
    """The rows of `trajectories` as records, by their id."""
    return {row.trajectory_id: _parse_trajectory(row) for row in table.itertuples()}


def parse_candidates(table: pd.DataFrame) -> list[PivotCandidate]:
    """The rows of `pivot_candidates` as records, in their order."""
    return [
        PivotCandidate(
            row.candidate_id,
            row.trajectory_id,
            int(row.turn_index),
            int(row.message_index),
            Action.from_message(message_from_json(json.loads(row.demonstrated_action))),
        )
        for row in table.itertuples()
    ]


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


def rollouts_to_table(rollouts: Sequence[Rollout]) -> pd.DataFrame:
    """The table `rollouts`."""
    return pd.DataFrame(
        {
            "candidate_id": [r.candidate_id for r in rollouts],
            "sample_index": pd.array([r.sample_index for r in rollouts], dtype="int32"),
            "token_ids": [list(r.token_ids) for r in rollouts],
            "logprobs": [list(r.logprobs) for r in rollouts],
            "text": [r.text for r in rollouts],
            "finish_reason": [r.finish_reason.value for r in rollouts],
            "error": pd.array([r.error for r in rollouts], dtype="str"),
        }
    )


def parse_rollouts(table: pd.DataFrame) -> Iterable[Rollout]:
    """The rows of `rollouts` as records, in their order."""
    for row in table.itertuples():
        yield Rollout(
            row.candidate_id,
            int(row.sample_index),
            tuple(map(int, row.token_ids)),
            tuple(map(float, row.logprobs)),
            row.text,
            FinishReason(row.finish_reason),
            None if pd.isna(row.error) else row.error,
        )


def records_to_table(records: Sequence[object]) -> pd.DataFrame:
    """One row per dataclass record, one column per field; enums as their slugs."""
    return pd.DataFrame(
        [dataclasses.asdict(record) for record in records]  # type: ignore[call-overload]
    )


def _parse_trajectory(row: object) -> Trajectory:
    fields = cast("dict[str, object]", row._asdict())  # type: ignore[attr-defined]
    success = fields["success"]
    return Trajectory(
        trajectory_id=cast("str", fields["trajectory_id"]),
        task_id=cast("str", fields["task_id"]),
        domain=cast("str", fields["domain"]),
        messages=tuple(
            message_from_json(message)
            for message in json.loads(cast("str", fields["messages"]))
        ),
        tools=tuple(
            parse_tool(tool) for tool in json.loads(cast("str", fields["tools"]))
        ),
        success=None if pd.isna(success) else bool(success),  # type: ignore[call-overload]
        split=Split(cast("str", fields["split"])),
        metadata=json.loads(cast("str", fields["metadata"])),
    )


def parse_tool(entry: JsonObject) -> Tool:
    """A tool from its OpenAI entry."""
    function = cast("JsonObject", entry["function"])
    return Tool(cast("str", function["name"]), entry)
