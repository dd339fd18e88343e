"""Supervised fine-tuning on recorded turns: what PivotRL is compared with."""

from pivotrl_pipeline.pipelines.sft.pipeline import create_pipeline

__all__ = ["create_pipeline"]
