"""The sft pipeline on a handful of trajectories, through the catalog as configured."""

import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.pipelines.random_policy import make_catalog, read_parameters
from transformers import AutoModelForCausalLM

from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.pipelines.sft import create_pipeline

SMALL = {
    "num_epochs": 1,
    "turns_per_update": 8,
    "validation_tasks": 2,
    # A random policy's tokenizer is coarser than that of the policy in the box.
    "max_new_tokens": 200,
}


def _make_catalog(folder: Path) -> DataCatalog:
    catalog = make_catalog(folder, "sft")
    parameters = read_parameters()["sft"] | SMALL
    catalog["params:sft"] = SFTParameters.model_validate(parameters)
    catalog["params:rollout_sampling.max_prompt_tokens"] = 4096
    return catalog


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = _make_catalog(tmp_path_factory.mktemp("run"))
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def _count_training_turns(catalog: DataCatalog) -> int:
    splits = catalog.load("trajectories").set_index("trajectory_id")["split"]
    candidates = catalog.load("pivot_candidates")
    return int((candidates["trajectory_id"].map(splits) == "train").sum())


def test_all_training_turns_are_learnt_from(outputs: DataCatalog) -> None:
    num_turns = _count_training_turns(outputs)
    metrics = outputs.load("sft_metrics")

    assert len(metrics) == -(-num_turns // 8)
    assert (metrics["epoch"] == 0).all()
    assert (metrics["tokens/unique"] <= metrics["tokens/forwarded"]).all()
    assert metrics["loss/validation"].notna().tolist()[-1]
    assert metrics["validation/success"].iloc[-1] == 0.0


def test_the_policy_is_a_whole_one_with_its_lineage(outputs: DataCatalog) -> None:
    checkpoint = outputs.load("sft_policy")

    lineage = json.loads((Path(checkpoint.location) / "lineage.json").read_text())
    initial = outputs.load("initial_policy")
    assert lineage["initial_policy"]["fingerprint"] == initial.fingerprint
    assert lineage["turns"]["count"] == _count_training_turns(outputs)
    losses = lineage["validation_loss"]
    assert losses["kept"] < losses["initial"]
    model = AutoModelForCausalLM.from_pretrained(checkpoint.location)
    assert model.config.hidden_size == 16
    assert checkpoint.fingerprint != initial.fingerprint


def test_any_table_of_candidates_can_be_trained_on(
    outputs: DataCatalog, tmp_path: Path
) -> None:
    catalog = _make_catalog(tmp_path)
    splits = catalog.load("trajectories").set_index("trajectory_id")["split"]
    candidates = catalog.load("pivot_candidates")
    is_training = candidates["trajectory_id"].map(splits) == "train"
    few: pd.DataFrame = candidates.loc[is_training, ["candidate_id"]].head(3)
    catalog["pivots"] = MemoryDataset(few)

    SequentialRunner().run(create_pipeline(turns="pivots"), catalog)

    folder = Path(catalog.load("sft_policy").location)
    assert json.loads((folder / "lineage.json").read_text())["turns"]["count"] == 3
    metrics = catalog.load("sft_metrics")
    assert len(metrics) == 1
    # the validation turns are the same, so the losses of both trainings compare
    lineages = [
        json.loads((Path(place) / "lineage.json").read_text())
        for place in (outputs.load("sft_policy").location, folder)
    ]
    assert len({each["validation_loss"]["initial"] for each in lineages}) == 1
