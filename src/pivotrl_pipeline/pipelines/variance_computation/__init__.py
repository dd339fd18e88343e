"""Stage 3: verdicts on the rollouts, mean and variance of each group."""

from pivotrl_pipeline.pipelines.variance_computation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
