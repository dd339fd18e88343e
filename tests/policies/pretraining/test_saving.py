"""A saved policy is an ordinary folder, whole or absent."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from pivotrl_pipeline.parameters.pretrain import ModelParameters
from pivotrl_pipeline.policies.pretraining.model import make_model
from pivotrl_pipeline.policies.pretraining.saving import save_policy


def test_a_saved_policy_loads_with_plain_transformers(
    tmp_path: Path,
    model_parameters: ModelParameters,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    model = make_model(model_parameters, tokenizer, seed=0)

    save_policy(model, tokenizer, tmp_path / "policy")

    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    end = AutoTokenizer.from_pretrained(tmp_path / "policy").eos_token_id
    assert all(
        torch.equal(weight, loaded.state_dict()[name])
        for name, weight in model.state_dict().items()
    )
    assert loaded.generation_config.eos_token_id == end


def test_a_saved_policy_replaces_the_one_before(
    tmp_path: Path,
    model_parameters: ModelParameters,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "leftover").touch()

    save_policy(make_model(model_parameters, tokenizer, seed=0), tokenizer, folder)

    assert not (folder / "leftover").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_failed_save_leaves_what_was_there(
    tmp_path: Path,
    model_parameters: ModelParameters,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "kept").touch()
    model = make_model(model_parameters, tokenizer, seed=0)

    def fail(path: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(tokenizer, "save_pretrained", fail)

    with pytest.raises(OSError, match="no space left"):
        save_policy(model, tokenizer, folder)
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
