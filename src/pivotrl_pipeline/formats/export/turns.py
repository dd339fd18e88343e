"""What every export starts from: the pivots, and the turns held out."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pandas as pd

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.frames import parse_trajectories
from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    JsonValue,
    message_from_json,
)
from pivotrl_pipeline.records.trajectories import Split, State

STATISTICS = (
    "num_rollouts",
    "num_excluded",
    "reward_mean",
    "reward_variance",
    "weight",
)


@dataclass(frozen=True, slots=True)
class ExportedTurn:
    """One turn with its state, twice: as records and as recorded JSON."""

    candidate_id: str
    trajectory_id: str
    task_id: str
    turn_index: int
    split: Split
    state: State
    messages: list[JsonObject]
    """The state's messages."""
    tools: list[JsonObject]
    demonstrated_message: JsonObject
    statistics: JsonObject
    """What profiling found; empty for turns held out."""

    @property
    def action(self) -> Action:
        """The demonstrated action."""
        return Action.from_message(message_from_json(self.demonstrated_message))

    def describe_state(self) -> JsonObject:
        """The state as JSON: what a verifier elsewhere needs to judge an action."""
        return {
            "messages": cast("JsonValue", self.messages),
            "tools": cast("JsonValue", self.tools),
            "domain": self.state.domain,
            "metadata": self.state.metadata,
        }


def collect_turns(
    trajectories: pd.DataFrame, pivot_candidates: pd.DataFrame, pivots: pd.DataFrame
) -> list[ExportedTurn]:
    """The pivots (train) and every turn of held-out tasks (validation), in order.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        pivots: The table; all of the training split.

    Raises:
        ConfigurationError: If either side is empty: no trainer opens an empty file.
    """
    columns = [name for name in STATISTICS if name in pivots.columns]
    statistics = {
        key: {
            name: None if pd.isna(value) else value
            for name, value in zip(columns, values, strict=True)
        }
        for key, *values in pivots[["candidate_id", *columns]].itertuples(
            index=False, name=None
        )
    }
    turns = list(_iterate(trajectories, pivot_candidates, statistics))
    counts = Counter(turn.split for turn in turns)
    if not counts[Split.TRAIN] or not counts[Split.VALIDATION]:
        raise ConfigurationError(
            f"export: {counts[Split.TRAIN]} pivots to train on and "
            f"{counts[Split.VALIDATION]} turns of held-out tasks in "
            f"{trajectories['task_id'].nunique()} tasks; expected some of both, since "
            f"no trainer opens an empty file: choose an ingestion.validation_rate or "
            f"ingestion.seed that parts the tasks, or see the selection report."
        )
    return turns


def _iterate(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    statistics: dict[str, JsonObject],
) -> Iterator[ExportedTurn]:
    held_out = set(
        trajectories.loc[trajectories["split"] == Split.VALIDATION, "trajectory_id"]
    )
    is_exported = pivot_candidates["candidate_id"].isin(
        list(statistics)
    ) | pivot_candidates["trajectory_id"].isin(held_out)
    candidates = pivot_candidates[is_exported]
    kept = trajectories[
        trajectories["trajectory_id"].isin(candidates["trajectory_id"].unique())
    ]
    records = parse_trajectories(kept)
    parsed = {
        row["trajectory_id"]: (json.loads(row["messages"]), json.loads(row["tools"]))
        for row in kept.to_dict("records")
    }
    for row in candidates.to_dict("records"):
        trajectory = records[row["trajectory_id"]]
        messages, tools = parsed[row["trajectory_id"]]
        yield ExportedTurn(
            candidate_id=row["candidate_id"],
            trajectory_id=row["trajectory_id"],
            task_id=trajectory.task_id,
            turn_index=row["turn_index"],
            split=trajectory.split,
            state=trajectory.state_before(row["message_index"]),
            messages=messages[: row["message_index"]],
            tools=tools,
            demonstrated_message=messages[row["message_index"]],
            statistics=statistics.get(row["candidate_id"], {}),
        )
