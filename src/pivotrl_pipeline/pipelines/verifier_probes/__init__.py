"""What short cuts earn from the configured verifiers."""

from pivotrl_pipeline.pipelines.verifier_probes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
