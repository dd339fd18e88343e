"""The published comparator pays for short cuts on the desk; the default does not."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from pivotrl_pipeline.datasets.raw_rows_dataset import RawRowsDataset
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.pipelines.verifier_probes import create_pipeline
from pivotrl_pipeline.records.tables import VerifierProbeReport

PROJECT = Path(__file__).parents[3]
NUM_TRAJECTORIES = 60
NEMO_GYM = {
    "kind": "nemo_gym",
    "word_threshold": 0.1,
    "float_tolerance": 1e-6,
    "parallel_rewarding": False,
    "mode": "binary_strict",
    "allow_subset": False,
    "allow_superset": False,
}


def _read_parameters(name: str) -> dict[str, Any]:
    path = PROJECT / "conf" / "base" / f"parameters_{name}.yml"
    return yaml.safe_load(path.read_text("utf-8"))[name]


@pytest.fixture(scope="module")
def inputs() -> dict[str, Any]:
    raw = PROJECT / "data" / "01_raw" / "order_desk_trajectories.jsonl"
    rows = list(RawRowsDataset(filepath=str(raw)).load())[:NUM_TRAJECTORIES]
    tools = yaml.safe_load((raw.parent / "order_desk_tools.json").read_text("utf-8"))
    settings = IngestionSettings(
        "detect",
        only_successful=False,
        validation_rate=0.5,
        seed=0,
        max_rejected_rate=0.0,
    )
    tables = ingest_trajectories(rows, tools, settings)
    verifiers = _read_parameters("variance_computation")["verifiers"]
    verifiers["published"] = NEMO_GYM
    statistics = [
        {
            "candidate_id": candidate_id,
            "verifier": verifier,
            "num_rollouts": 8,
            "reward_mean": 0.25,
            "reward_variance": 0.1875,
            "num_excluded": 0,
        }
        for candidate_id in tables.pivot_candidates["candidate_id"]
        for verifier in verifiers
    ]
    return {
        "trajectories": tables.trajectories,
        "pivot_candidates": tables.pivot_candidates,
        "reward_statistics": pd.DataFrame(statistics),
        "params:variance_computation": VarianceComputationParameters.model_validate(
            {"verifiers": verifiers}
        ),
        "params:pivot_selection": PivotSelectionParameters.model_validate(
            _read_parameters("pivot_selection")
        ),
    }


def test_report_and_warnings_name_the_short_cuts_that_pay(
    inputs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    catalog = DataCatalog({key: MemoryDataset(each) for key, each in inputs.items()})

    outputs = SequentialRunner().run(create_pipeline(), catalog)

    report = outputs["verifier_probe_report"].load()
    assert set(VerifierProbeReport.validate(report)["verifier"]) == {
        "functional",
        "exact_match",
        "published",
    }
    paid = report[~report["earns_less"]]
    assert set(paid["verifier"]) == {"published"}
    assert {
        ("always_talk", "message"),
        ("empty_message", "message"),
        ("spray_tools", "tool_call"),
    } <= set(zip(paid["probe"], paid["action_type"], strict=True))
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == len(paid)
