"""The pipelines by name."""

from kedro.pipeline import Pipeline

from pivotrl_pipeline.pipelines import (
    demonstrations,
    export,
    ingestion,
    ood_evaluation,
    pivot_selection,
    pretrain,
    rl_update,
    rollout_sampling,
    sft,
    variance_computation,
    verifier_probes,
)

PIVOT_STAGES = (
    ingestion,
    rollout_sampling,
    variance_computation,
    pivot_selection,
    rl_update,
    ood_evaluation,
)
OTHERS = (demonstrations, pretrain, export, verifier_probes, sft)


def register_pipelines() -> dict[str, Pipeline]:
    """Each pipeline under its own name; ``pivot`` is the six stages and the default."""
    pipelines = {
        module.__name__.rpartition(".")[2]: module.create_pipeline()
        for module in (*PIVOT_STAGES, *OTHERS)
    }
    pivot = sum((module.create_pipeline() for module in PIVOT_STAGES), Pipeline([]))
    return {**pipelines, "pivot": pivot, "__default__": pivot}
