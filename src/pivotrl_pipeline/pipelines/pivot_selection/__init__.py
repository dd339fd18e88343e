"""Stage 4: the candidates whose outcomes vary and that are not easy."""

from pivotrl_pipeline.pipelines.pivot_selection.pipeline import create_pipeline

__all__ = ["create_pipeline"]
