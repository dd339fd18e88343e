"""One trainer of the project with a random policy, in a folder of its own."""

import json
from pathlib import Path

import torch
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from tests.pipelines.small_project import PROJECT, read_demonstrations
from transformers import Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.datasets.policy_dataset import PolicyDataset
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer

SETTINGS = IngestionSettings(
    "detect",
    only_successful=True,
    validation_rate=0.3,
    seed=0,
    max_rejected_rate=0.0,
)


def read_parameters() -> dict[str, dict[str, object]]:
    """As the project's YAML files list them."""
    parameters: dict[str, dict[str, object]] = _make_loader()["parameters"]
    return parameters


def make_catalog(folder: Path, trainer: str) -> DataCatalog:
    """The entries that ``trainer`` writes, and what it reads but for its parameters."""
    lines = read_demonstrations()
    tools = json.loads((PROJECT / "data/01_raw/order_desk_tools.json").read_text())
    write_policy(folder / "initial", lines)
    ingested = ingest_trajectories(list(map(json.loads, lines)), tools, SETTINGS)
    listed = _make_loader()["catalog"].items()
    entries = {name: entry for name, entry in listed if name.startswith(f"{trainer}_")}
    for entry in entries.values():
        entry["filepath"] = str(folder / Path(entry["filepath"]).name)
    catalog = DataCatalog.from_config(entries)
    catalog["initial_policy"] = PolicyDataset(filepath=str(folder / "initial"))
    policy = PolicyParameters.model_validate(read_parameters()["policy"])
    catalog["params:policy"] = policy
    catalog["trajectories"] = MemoryDataset(ingested.trajectories)
    catalog["pivot_candidates"] = MemoryDataset(ingested.pivot_candidates)
    return catalog


def _make_loader() -> OmegaConfigLoader:
    return OmegaConfigLoader(
        str(PROJECT / "conf"), base_env="base", default_run_env="local"
    )


def write_policy(folder: Path, texts: list[str]) -> None:
    """A Qwen3 with random weights, and a tokenizer of the texts."""
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
