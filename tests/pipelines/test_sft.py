"""The sft pipeline on a handful of trajectories, through the catalog as configured."""

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
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.pipelines.sft import create_pipeline
from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer

PROJECT = Path(__file__).parents[2]
NUM_TRAJECTORIES = 8
SMALL = {"num_epochs": 1, "turns_per_update": 8, "validation_tasks": 2}
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


def _make_catalog(folder: Path) -> DataCatalog:
    raw = PROJECT / "data/01_raw"
    lines = (raw / "order_desk_trajectories.jsonl").read_text().splitlines()
    tools = json.loads((raw / "order_desk_tools.json").read_text())
    rows = [json.loads(line) for line in lines[:NUM_TRAJECTORIES]]
    _write_policy(folder / "initial", lines[:NUM_TRAJECTORIES])
    ingested = ingest_trajectories(rows, tools, SETTINGS)
    loader = OmegaConfigLoader(
        str(PROJECT / "conf"), base_env="base", default_run_env="local"
    )
    entries = {n: e for n, e in loader["catalog"].items() if n.startswith("sft_")}
    for entry in entries.values():
        entry["filepath"] = str(folder / Path(entry["filepath"]).name)
    parameters = loader["parameters"]
    catalog = DataCatalog.from_config(entries)
    catalog["initial_policy"] = PolicyDataset(filepath=str(folder / "initial"))
    catalog["params:policy"] = PolicyParameters(**parameters["policy"])
    # A random policy's tokenizer is coarser than that of the policy in the box.
    sft = parameters["sft"] | SMALL | {"max_new_tokens": 200}
    catalog["params:sft"] = SFTParameters(**sft)
    catalog["params:rollout_sampling.max_prompt_tokens"] = 4096
    catalog["trajectories"] = MemoryDataset(ingested.trajectories)
    catalog["pivot_candidates"] = MemoryDataset(ingested.pivot_candidates)
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
