"""The pipelines by name."""

from types import ModuleType

import click
from kedro.pipeline import Pipeline

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.pipelines import (
    ablate,
    compare,
    demonstrations,
    e2e,
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
OTHERS = (demonstrations, pretrain, export, verifier_probes, sft, e2e)
GRIDS = (compare, ablate)
"""Whose cells begin where the profile ends."""


def register_pipelines() -> dict[str, Pipeline]:
    """Each pipeline under its own name; ``pivot`` is the six stages and the default.

    Raises:
        ClickException: If a grid cannot be run: every command of Kedro's shows it as a
            message.
    """
    try:
        return _make_pipelines()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _make_pipelines() -> dict[str, Pipeline]:
    pipelines = {
        _name(module): module.create_pipeline() for module in (*PIVOT_STAGES, *OTHERS)
    }
    profile = _join(*(pipelines[_name(module)] for module in PIVOT_STAGES[:4]))
    grids = {_name(grid): _join(profile, grid.create_pipeline()) for grid in GRIDS}
    pivot = _join(*(pipelines[_name(module)] for module in PIVOT_STAGES))
    return {**pipelines, **grids, "pivot": pivot, "__default__": pivot}


def _join(*pipelines: Pipeline) -> Pipeline:
    return sum(pipelines, Pipeline([]))


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
