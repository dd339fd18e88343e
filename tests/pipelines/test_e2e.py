"""The e2e pipeline on a handful of trajectories, through the catalog as configured."""

import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.pipelines.random_policy import make_catalog, read_parameters
from transformers import AutoModelForCausalLM

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.pipelines.e2e import create_pipeline

SMALL = {
    "num_updates": 2,
    "tasks_per_update": 2,
    "group_size": 3,
    "max_new_tokens": 8,
    "validation_tasks": 2,
    "validation_every": 2,
}


def _make_catalog(folder: Path) -> DataCatalog:
    catalog = make_catalog(folder, "e2e")
    parameters = read_parameters()["e2e"] | SMALL
    catalog["params:e2e"] = E2EParameters.model_validate(parameters)
    return catalog


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = _make_catalog(tmp_path_factory.mktemp("run"))
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_the_objectives_are_those_of_updates_on_pivots() -> None:
    parameters = read_parameters()

    found = parameters["e2e"]["objective_presets"]
    assert found == parameters["rl_update"]["objective_presets"]


def test_turns_are_counted_and_success_is_measured(outputs: DataCatalog) -> None:
    metrics = outputs.load("e2e_metrics")

    # two tasks, three episodes of each; a random policy never succeeds
    turns = 6 * metrics["episode/mean_turns"]
    assert metrics["rollout_turns"].tolist() == turns.cumsum().round().tolist()
    assert metrics["reward/mean"].tolist() == [0.0, 0.0]
    assert metrics["is_skipped"].tolist() == [True, True]
    assert metrics["validation/success"].isna().tolist() == [True, False]
    assert metrics["heldout/reward_mean"].isna().all()


def test_the_policy_is_a_whole_one_with_its_lineage(outputs: DataCatalog) -> None:
    checkpoint = outputs.load("e2e_policy")

    lineage = json.loads((Path(checkpoint.location) / "lineage.json").read_text())
    trajectories: pd.DataFrame = outputs.load("trajectories")
    training = trajectories[trajectories["split"] == "train"]
    initial = outputs.load("initial_policy")
    assert lineage["initial_policy"]["fingerprint"] == initial.fingerprint
    assert lineage["tasks"]["count"] == training["task_id"].nunique()
    assert lineage["e2e"]["group_size"] == 3
    model = AutoModelForCausalLM.from_pretrained(checkpoint.location)
    assert model.config.hidden_size == 16


def test_trajectories_without_an_environment_are_refused(
    outputs: DataCatalog, tmp_path: Path
) -> None:
    catalog = _make_catalog(tmp_path)
    recorded: pd.DataFrame = catalog.load("trajectories")
    catalog["trajectories"] = MemoryDataset(recorded.assign(metadata="{}"))

    with pytest.raises(ConfigurationError, match="environment None"):
        SequentialRunner().run(create_pipeline(), catalog)
