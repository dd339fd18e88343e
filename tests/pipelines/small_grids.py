"""Both grids with few, tiny cells."""

from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.pipelines.small_project import make_small_catalog

from pivotrl_pipeline.parameters.compare import (
    AblateParameters,
    CompareParameters,
    JudgedOn,
)
from pivotrl_pipeline.pipelines import ablate, compare

COMPARE: dict[str, Any] = {
    "seeds": [0, 1],
    "validation_tasks": 2,
    "fresh_seed": 9,
    "methods": {
        "pivotrl": {
            "trainer": "rl_update",
            "turns": "pivots",
            "settings": {},
            "variants": [{"num_updates": 1}],
        },
        "sft": {
            "trainer": "sft",
            "turns": "pivot_candidates",
            "settings": {},
            "variants": [{"learning_rate": 1.0e-3}],
        },
        "e2e": {
            "trainer": "e2e",
            "turns": None,
            "settings": {"keep": "last"},
            "variants": [{"learning_rate": 1.0e-3}],
        },
    },
}
ABLATE: dict[str, Any] = {
    "seeds": [0],
    "verifiers": ["exact_match", "functional"],
    "strategies": ["all", "mixed"],
    "settings": {"num_updates": 1},
}
PROFILE = ("ingestion", "rollout_sampling", "variance_computation", "pivot_selection")


def make_comparison(judged_on: JudgedOn, **changes: Any) -> CompareParameters:
    """Three methods, two seeds."""
    values = {**COMPARE, "judged_on": judged_on, **changes}
    return CompareParameters.model_validate(values)


def run_grids(folder: Path, judged_on: JudgedOn, **changes: Any) -> DataCatalog:
    """The catalog after the profile and both grids have run.

    Args:
        folder: Of all tables.
        judged_on: Of both grids.
        **changes: As `make_small_catalog` takes them.
    """
    comparison = make_comparison(judged_on)
    ablation = AblateParameters.model_validate({**ABLATE, "judged_on": judged_on})
    catalog = make_small_catalog(
        folder,
        compare=comparison.model_dump(),
        ablate=ablation.model_dump(),
        rollout_sampling={"num_rollouts": 4},
        **changes,
    )
    grids = [compare.create_pipeline(comparison), ablate.create_pipeline(ablation)]
    profile = sum((pipelines[name] for name in PROFILE[1:]), pipelines[PROFILE[0]])
    SequentialRunner().run(sum(grids, profile), catalog)
    return catalog
