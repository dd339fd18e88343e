"""End-to-end RL: multi-turn GRPO on whole episodes."""

from pivotrl_pipeline.pipelines.e2e.pipeline import create_pipeline

__all__ = ["create_pipeline"]
