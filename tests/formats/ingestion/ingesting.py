"""Rows and settings for the tests of ingestion."""

from typing import Any

from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import (
    IngestedTables,
    ingest_trajectories,
)


def make_settings(**changes: object) -> IngestionSettings:
    values: dict[str, Any] = {
        "format": "openai",
        "only_successful": False,
        "validation_rate": 0.5,
        "seed": 0,
        "max_rejected_rate": 0.5,
    }
    return IngestionSettings(**(values | changes))


def make_row(answer: str = "hello", **fields: object) -> dict[str, object]:
    question = {"role": "user", "content": "hi"}
    turn = {"role": "assistant", "content": answer}
    return {"messages": [question, turn], **fields}


def ingest(rows: object, **changes: object) -> IngestedTables:
    return ingest_trajectories(rows, [], make_settings(**changes))
