"""The graph of the export."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.export.nodes import (
    export_nemo_gym,
    export_sft,
    export_trl,
    export_verl,
    render_turns,
)


def create_pipeline() -> Pipeline:
    """`pivots` → files for NeMo-Gym, TRL (GRPO and SFT) and verl."""
    return Pipeline(
        [
            Node(
                func=export_nemo_gym,
                inputs={
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "pivots": "pivots",
                    "policy_parameters": "params:policy",
                    "parameters": "params:export",
                },
                outputs=["nemo_gym_train", "nemo_gym_validation"],
                name="export_nemo_gym",
            ),
            Node(
                func=render_turns,
                inputs={
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "pivots": "pivots",
                    "initial_policy": "initial_policy",
                    "policy_parameters": "params:policy",
                },
                outputs="rendered_turns",
                name="render_turns",
            ),
            Node(
                func=export_trl,
                inputs={
                    "rendered_turns": "rendered_turns",
                    "initial_policy": "initial_policy",
                    "policy_parameters": "params:policy",
                    "verification": "params:variance_computation",
                    "selection": "params:pivot_selection",
                },
                outputs=["trl_grpo_train", "trl_grpo_validation", "trl_reward"],
                name="export_trl",
            ),
            Node(
                func=export_sft,
                inputs={
                    "rendered_turns": "rendered_turns",
                    "initial_policy": "initial_policy",
                    "policy_parameters": "params:policy",
                },
                outputs=["trl_sft_train", "trl_sft_validation"],
                name="export_sft",
            ),
            Node(
                func=export_verl,
                inputs={
                    "rendered_turns": "rendered_turns",
                    "verification": "params:variance_computation",
                    "selection": "params:pivot_selection",
                },
                outputs=["verl_train", "verl_validation", "verl_score"],
                name="export_verl",
            ),
        ]
    )
