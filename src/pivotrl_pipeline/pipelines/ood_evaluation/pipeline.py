"""The graph of stage 6."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.ood_evaluation.nodes import (
    evaluate_initial_policy,
    evaluate_trained_policy,
    report_run,
    summarise_evaluation,
)


def create_pipeline() -> Pipeline:
    """Both policies answer both suites; the initial one is asked only once."""
    return Pipeline(
        [
            Node(
                func=evaluate_initial_policy,
                inputs=["initial_policy", "params:policy", "params:ood_evaluation"],
                outputs="initial_evaluation_results",
                name="evaluate_initial_policy",
            ),
            Node(
                func=evaluate_trained_policy,
                inputs=["trained_policy", "params:policy", "params:ood_evaluation"],
                outputs="trained_evaluation_results",
                name="evaluate_trained_policy",
            ),
            Node(
                func=summarise_evaluation,
                inputs=[
                    "initial_evaluation_results",
                    "trained_evaluation_results",
                    "params:evaluation_summary",
                ],
                outputs=["evaluation_results", "evaluation_summary"],
                name="summarise_evaluation",
            ),
            Node(
                func=report_run,
                inputs={
                    "evaluation_summary": "evaluation_summary",
                    "selection_report": "selection_report",
                    "training_metrics": "training_metrics",
                    "parameters": "params:evaluation_summary",
                },
                outputs="run_summary",
                name="report_run",
            ),
        ]
    )
