"""Stage 1: from recorded runs to trajectories and their turns."""

from pivotrl_pipeline.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
