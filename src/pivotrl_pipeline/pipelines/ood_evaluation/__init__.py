"""Stage 6: what was gained in-domain and kept out-of-domain."""

from pivotrl_pipeline.pipelines.ood_evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
