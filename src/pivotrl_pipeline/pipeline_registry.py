"""The pipelines by name."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

PIVOT_STAGES = (
    "ingestion",
    "rollout_sampling",
    "variance_computation",
    "pivot_selection",
    "rl_update",
    "ood_evaluation",
)


def register_pipelines() -> dict[str, Pipeline]:
    """Each pipeline under its own name; ``pivot`` is the six stages and the default."""
    pipelines = find_pipelines(raise_errors=True)
    pivot = sum((pipelines[stage] for stage in PIVOT_STAGES), Pipeline([]))
    return {**pipelines, "pivot": pivot, "__default__": pivot}
