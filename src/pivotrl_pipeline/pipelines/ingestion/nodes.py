"""Nodes of stage 1."""

import pandas as pd

from pivotrl_pipeline.formats.ingestion import ingest
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.parameters.ingestion import IngestionParameters
from pivotrl_pipeline.records.messages import JsonValue


def ingest_trajectories(
    raw_trajectories: object, raw_tools: JsonValue, parameters: IngestionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """`trajectories`, `pivot_candidates` (every turn) and `rejected_trajectories`."""
    settings = IngestionSettings(**parameters.model_dump())
    tables = ingest.ingest_trajectories(raw_trajectories, raw_tools, settings)
    return tables.trajectories, tables.pivot_candidates, tables.rejected_trajectories
