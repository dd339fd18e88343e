"""tau-bench result files: one run a row, OpenAI messages under ``traj``.

    {"task_id": 3, "trial": 0, "reward": 1.0, "info": {…}, "traj": [{"role": …}, …]}

The files carry no tool schemas; they are given beside (`raw_tools`). A run is named by
its task and trial, which are numbers in its file: of several files, ingest one at a
time, or leave ``trial`` out and the ids are made from the content.

Source: github.com/sierra-research/tau-bench, ``historical_trajectories/``.
"""

from typing import cast

from pivotrl_pipeline.formats.base import Format, RawTrajectory
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.row_fields import (
    collect_metadata,
    read_identifier,
    read_success,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue


def read_tau_bench(row: JsonObject) -> RawTrajectory:
    """The trajectory of one run; its task is named by its number in the file.

    Raises:
        TrajectoryError: If the row holds no conversation.
    """
    task_id = read_identifier(row, ("task_id",))
    trial = read_identifier(row, ("trial",))
    is_named = task_id is not None and trial is not None
    return RawTrajectory(
        messages=normalise_messages(row.get("traj")),
        trajectory_id=f"task-{task_id}-trial-{trial}" if is_named else None,
        task_id=task_id,
        domain="tau_bench",
        success=read_success(row),
        metadata=collect_metadata(row, ("traj", "task_id")),
    )


def write_tau_bench(trajectory: RawTrajectory) -> JsonObject:
    """The result row of a run."""
    task_id = trajectory.task_id
    number = int(task_id) if task_id is not None and task_id.isdecimal() else task_id
    return {
        "task_id": number,
        **trajectory.metadata,
        "traj": cast("JsonValue", trajectory.messages),
    }


def _is_tau_bench(row: JsonObject) -> bool:
    return "traj" in row and "task_id" in row


TAU_BENCH = Format("tau_bench", read_tau_bench, write_tau_bench, _is_tau_bench)
