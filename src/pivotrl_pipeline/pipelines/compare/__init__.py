"""PivotRL beside SFT and end-to-end RL, on the same trajectories."""

from pivotrl_pipeline.pipelines.compare.pipeline import create_pipeline

__all__ = ["create_pipeline"]
