"""The project's catalog and parameters, small and in a folder of its own."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog

from pivotrl_pipeline.parameters.compare import AblateParameters, CompareParameters
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.parameters.ingestion import IngestionParameters
from pivotrl_pipeline.parameters.ood_evaluation import (
    EvaluationSummaryParameters,
    OodEvaluationParameters,
)
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.parameters.rollout_sampling import RolloutSamplingParameters
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)

PROJECT = Path(__file__).parents[2]
NUM_TRAJECTORIES = 8
SMALL: dict[str, dict[str, Any]] = {
    "ingestion": {"validation_rate": 0.3},
    "rollout_sampling": {"num_rollouts": 2, "max_new_tokens": 24},
    "pivot_selection": {"strategy": "all"},
    "rl_update": {
        "num_updates": 2,
        "pivots_per_update": 2,
        "group_size": 2,
        "heldout_turns": 4,
        "validation_tasks": 2,
        "max_new_tokens": 24,
    },
    "sft": {"num_epochs": 1, "turns_per_update": 8, "validation_tasks": 2},
    "e2e": {
        "num_updates": 1,
        "tasks_per_update": 2,
        "group_size": 2,
        "validation_tasks": 2,
        "max_new_tokens": 24,
    },
    "ood_evaluation": {"tasks_per_tier": 3, "items_per_skill": 1, "tiers": ["short"]},
    "compare": {"validation_tasks": 2},
}
_MODELS = {
    "ablate": AblateParameters,
    "compare": CompareParameters,
    "e2e": E2EParameters,
    "evaluation_summary": EvaluationSummaryParameters,
    "ingestion": IngestionParameters,
    "ood_evaluation": OodEvaluationParameters,
    "pivot_selection": PivotSelectionParameters,
    "policy": PolicyParameters,
    "rl_update": RLUpdateParameters,
    "rollout_sampling": RolloutSamplingParameters,
    "sft": SFTParameters,
    "variance_computation": VarianceComputationParameters,
}


def make_small_catalog(
    folder: Path, *, names_environment: bool = True, **changes: dict[str, Any]
) -> DataCatalog:
    """Every entry under ``folder`` but the initial policy; `SMALL` and the changes."""
    _write_raw(folder / "01_raw", names_environment)
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        context = session.load_context()
        entries = deepcopy(context.config_loader["catalog"])
        parameters = deepcopy(context.config_loader["parameters"])
    for entry in entries.values():
        if "06_models/initial_policy" not in str(entry["filepath"]):
            place = str(entry["filepath"]).partition("data/")[2]
            entry["filepath"] = str(folder / place)
    catalog = DataCatalog.from_config(entries)
    for name, model in _MODELS.items():
        values = parameters[name] | SMALL.get(name, {}) | changes.get(name, {})
        catalog[f"params:{name}"] = model.model_validate(values)
    limit = parameters["rollout_sampling"]["max_prompt_tokens"]
    catalog["params:rollout_sampling.max_prompt_tokens"] = limit
    tasks = SMALL["compare"]["validation_tasks"]
    catalog["params:compare.validation_tasks"] = tasks
    return catalog


def read_demonstrations(num_trajectories: int = NUM_TRAJECTORIES) -> list[str]:
    """Lines of the order desk's JSONL file."""
    path = PROJECT / "data/01_raw/order_desk_trajectories.jsonl"
    return path.read_text().splitlines()[:num_trajectories]


def _write_raw(folder: Path, names_environment: bool) -> None:
    folder.mkdir(parents=True)
    rows = [json.loads(line) for line in read_demonstrations()]
    if not names_environment:
        rows = [{**row, "metadata": {}} for row in rows]
    few = "\n".join(map(json.dumps, rows)) + "\n"
    (folder / "order_desk_trajectories.jsonl").write_text(few)
    tools = (PROJECT / "data/01_raw/order_desk_tools.json").read_text()
    (folder / "order_desk_tools.json").write_text(tools)
