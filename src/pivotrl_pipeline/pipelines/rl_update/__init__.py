"""Stage 5: single-turn GRPO on the pivots."""

from pivotrl_pipeline.pipelines.rl_update.pipeline import create_pipeline

__all__ = ["create_pipeline"]
