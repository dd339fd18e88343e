"""Exports small tables for a policy, as the project's pipeline does."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from pivotrl_pipeline.datasets.json_lines_dataset import JsonLinesDataset
from pivotrl_pipeline.datasets.table_dataset import TableDataset
from pivotrl_pipeline.parameters.export import ExportParameters
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.pipelines.export import create_pipeline
from pivotrl_pipeline.records.policies import PolicyCheckpoint

VERIFIER = {"verifiers": {"functional": {"kind": "exact_match"}}}
SELECTION = {
    "strategy": "low_mean",
    "verifier": "functional",
    "low_mean_threshold": 0.6,
    "include_threshold": False,
    "keep_all_zero": False,
}
POLICY = {
    "device": "cpu",
    "dtype": "float32",
    "max_tokens_in_flight": 1024,
    "reasoning": "since_last_user",
}
TABLES = [
    f"{name}_{split}"
    for name in ("trl_grpo", "trl_sft", "verl")
    for split in ("train", "validation")
]


def export(
    tables: Mapping[str, pd.DataFrame], policy_folder: Path, folder: Path
) -> None:
    """Writes everything that the pipeline writes into the folder."""
    datasets: dict[str, Any] = {
        name: MemoryDataset(table) for name, table in tables.items()
    }
    datasets |= {
        "initial_policy": MemoryDataset(PolicyCheckpoint(str(policy_folder), "test")),
        "params:policy": MemoryDataset(PolicyParameters.model_validate(POLICY)),
        "params:export": MemoryDataset(ExportParameters(nemo_gym_agent="agent")),
        "params:pivot_selection": MemoryDataset(
            PivotSelectionParameters.model_validate(SELECTION)
        ),
        "params:variance_computation": MemoryDataset(
            VarianceComputationParameters.model_validate(VERIFIER)
        ),
        "rendered_turns": TableDataset(filepath=folder / "rendered_turns.parquet"),
    }
    for name in TABLES:
        trainer, _, split = name.rpartition("_")
        path = folder / trainer / f"{split}.parquet"
        datasets[name] = TableDataset(filepath=path)
    for split in ("train", "validation"):
        path = folder / "nemo_gym" / f"{split}.jsonl"
        datasets[f"nemo_gym_{split}"] = JsonLinesDataset(filepath=str(path))
    outputs = SequentialRunner().run(create_pipeline(), DataCatalog(datasets))
    (folder / "trl_grpo" / "reward.py").write_text(outputs["trl_reward"].load())
    (folder / "verl" / "compute_score.py").write_text(outputs["verl_score"].load())


def import_file(path: Path) -> ModuleType:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
