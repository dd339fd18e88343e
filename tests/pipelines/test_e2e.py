"""The e2e pipeline on a handful of trajectories, through the catalog as configured."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.datasets.policy_dataset import PolicyDataset
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.pipelines.e2e import create_pipeline
from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer

PROJECT = Path(__file__).parents[2]
NUM_TRAJECTORIES = 8
SMALL = {
    "num_updates": 2,
    "tasks_per_update": 2,
    "group_size": 3,
    "max_new_tokens": 8,
    "validation_tasks": 2,
    "validation_every": 2,
}
SETTINGS = IngestionSettings(
    "detect",
    only_successful=True,
    validation_rate=0.3,
    seed=0,
    max_rejected_rate=0.0,
)


def _write_policy(folder: Path, texts: list[str]) -> None:
    """A Qwen3 with random weights that renders the desk's states."""
    tokenizer = train_tokenizer(texts, min_frequency=1)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _read_demonstrations() -> tuple[list[str], list[object]]:
    raw = PROJECT / "data/01_raw"
    lines = (raw / "order_desk_trajectories.jsonl").read_text().splitlines()
    tools = json.loads((raw / "order_desk_tools.json").read_text())
    return lines[:NUM_TRAJECTORIES], tools


def _make_catalog(folder: Path) -> DataCatalog:
    lines, tools = _read_demonstrations()
    _write_policy(folder / "initial", lines)
    ingested = ingest_trajectories(list(map(json.loads, lines)), tools, SETTINGS)
    loader = OmegaConfigLoader(
        str(PROJECT / "conf"), base_env="base", default_run_env="local"
    )
    entries = {n: e for n, e in loader["catalog"].items() if n.startswith("e2e_")}
    for entry in entries.values():
        entry["filepath"] = str(folder / Path(entry["filepath"]).name)
    parameters = loader["parameters"]
    catalog = DataCatalog.from_config(entries)
    catalog["initial_policy"] = PolicyDataset(filepath=str(folder / "initial"))
    catalog["params:policy"] = PolicyParameters(**parameters["policy"])
    catalog["params:e2e"] = E2EParameters(**parameters["e2e"] | SMALL)
    catalog["trajectories"] = MemoryDataset(ingested.trajectories)
    return catalog


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = _make_catalog(tmp_path_factory.mktemp("run"))
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_the_objectives_are_those_of_updates_on_pivots() -> None:
    loader = OmegaConfigLoader(
        str(PROJECT / "conf"), base_env="base", default_run_env="local"
    )
    parameters = loader["parameters"]

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
