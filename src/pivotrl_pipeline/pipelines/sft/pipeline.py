"""The graph of supervised fine-tuning."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.sft.nodes import train_supervised


def create_pipeline(
    turns: str = "pivot_candidates", settings: Settings | None = None
) -> Pipeline:
    """Recorded turns → `sft_policy`, with the metrics of every update.

    Args:
        turns: The table whose turns are trained on: `pivot_candidates` for all of
            them, which needs no rollouts, or `pivots`.
        settings: Take the place of the pipeline's own parameters.
    """
    return Pipeline(
        [
            Node(
                func=with_settings(train_supervised, parameters=settings),
                inputs={
                    "sft_turns": turns,
                    "pivot_candidates": "pivot_candidates",
                    "trajectories": "trajectories",
                    "initial_policy": "initial_policy",
                    "checkpoints": "sft_checkpoints",
                    "policy_parameters": "params:policy",
                    "max_prompt_tokens": "params:rollout_sampling.max_prompt_tokens",
                    "parameters": "params:sft",
                },
                outputs=["sft_policy", "sft_metrics"],
                name="train_supervised",
            ),
        ]
    )
