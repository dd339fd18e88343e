"""The pivots, with their statistics, for other trainers."""

from pivotrl_pipeline.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
