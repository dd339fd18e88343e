"""Arrow schemas of ingestion's tables, and the rows that go into them."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from pivotrl_pipeline.formats.ingestion.conversion import ConvertedRow, RejectedRow
from pivotrl_pipeline.records.table_builder import TableBuilder
from pivotrl_pipeline.records.trajectories import make_candidate_id

_TEXT, _NUMBER = pa.large_string(), pa.int64()


def _schema(*columns: tuple[str, pa.DataType], nullable: str) -> pa.Schema:
    return pa.schema(
        [pa.field(name, type_, nullable=name == nullable) for name, type_ in columns]
    )


TRAJECTORIES = _schema(
    ("trajectory_id", _TEXT),
    ("task_id", _TEXT),
    ("domain", _TEXT),
    ("split", _TEXT),
    ("messages", _TEXT),
    ("tools", _TEXT),
    ("success", pa.bool_()),
    ("metadata", _TEXT),
    nullable="success",
)
PIVOT_CANDIDATES = _schema(
    ("candidate_id", _TEXT),
    ("trajectory_id", _TEXT),
    ("turn_index", _NUMBER),
    ("message_index", _NUMBER),
    ("demonstrated_action", _TEXT),
    ("action_type", _TEXT),
    ("prompt_tokens", _NUMBER),
    nullable="prompt_tokens",
)


class TrajectoryTables:
    """`trajectories` and `pivot_candidates` while they grow."""

    def __init__(self) -> None:
        """Both empty."""
        self.trajectories = TableBuilder(TRAJECTORIES)
        self.pivot_candidates = TableBuilder(PIVOT_CANDIDATES)

    def append(self, rows: Sequence[ConvertedRow]) -> None:
        """Adds trajectories and their turns."""
        self.trajectories.append(
            {
                "trajectory_id": [row.trajectory_id for row in rows],
                "task_id": [row.task_id for row in rows],
                "domain": [row.domain for row in rows],
                "split": [row.split for row in rows],
                "messages": [row.messages_text for row in rows],
                "tools": [row.tools_text for row in rows],
                "success": [row.success for row in rows],
                "metadata": [row.metadata_text for row in rows],
            }
        )
        turns = [
            (row.trajectory_id, turn_index, turn)
            for row in rows
            for turn_index, turn in enumerate(row.turns)
        ]
        self.pivot_candidates.append(
            {
                "candidate_id": [
                    make_candidate_id(key, index) for key, index, _ in turns
                ],
                "trajectory_id": [key for key, _, _ in turns],
                "turn_index": [index for _, index, _ in turns],
                "message_index": [turn.message_index for _, _, turn in turns],
                "demonstrated_action": [turn.action_text for _, _, turn in turns],
                "action_type": [turn.action_type for _, _, turn in turns],
                "prompt_tokens": [None] * len(turns),
            }
        )


def make_rejected_table(rejected: Sequence[RejectedRow]) -> pd.DataFrame:
    """The table `rejected_trajectories`, in the order of the rows."""
    ordered = sorted(rejected, key=lambda row: row.position)
    return pd.DataFrame(
        {
            "source_row": pd.array([row.position for row in ordered], dtype="int64"),
            "reason": pd.array([row.reason for row in ordered], dtype="str"),
            "detail": pd.array([row.detail for row in ordered], dtype="str"),
        }
    )
