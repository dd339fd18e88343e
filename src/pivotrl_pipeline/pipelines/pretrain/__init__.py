"""The policy in the box."""

from pivotrl_pipeline.pipelines.pretrain.pipeline import create_pipeline

__all__ = ["create_pipeline"]
