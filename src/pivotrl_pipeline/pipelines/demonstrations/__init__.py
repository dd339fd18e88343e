"""The trajectories of the world in the box."""

from pivotrl_pipeline.pipelines.demonstrations.pipeline import create_pipeline

__all__ = ["create_pipeline"]
