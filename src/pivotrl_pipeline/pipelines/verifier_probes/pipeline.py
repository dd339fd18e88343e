"""The graph of the verifiers' probes."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.verifier_probes.nodes import probe_verifiers


def create_pipeline() -> Pipeline:
    """`reward_statistics` → `verifier_probe_report`, once `pivot` has written them."""
    return Pipeline(
        [
            Node(
                func=probe_verifiers,
                inputs={
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "reward_statistics": "reward_statistics",
                    "verifier_parameters": "params:variance_computation",
                    "selection": "params:pivot_selection",
                },
                outputs="verifier_probe_report",
                name="probe_verifiers",
            ),
        ]
    )
