"""Verifiers crossed with selections: what each of the two does, and both together."""

from pivotrl_pipeline.pipelines.ablate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
