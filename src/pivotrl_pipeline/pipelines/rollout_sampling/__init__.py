"""Stage 2: K actions at every candidate from the frozen initial policy."""

from pivotrl_pipeline.pipelines.rollout_sampling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
