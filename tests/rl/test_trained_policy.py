"""Weights in memory become a policy folder."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.rl.toys import make_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerFast,
)

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy, write_policy_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    model = make_model()
    model.generation_config = GenerationConfig(do_sample=True, temperature=0.6)
    model.save_pretrained(folder)
    words = {"<pad>": 0, "<eos>": 1, "hello": 2}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="<eos>",
    )
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(folder)
    return folder


def make_trained(source: Path, dtype: torch.dtype = torch.float32) -> TrainedPolicy:
    weights = {
        name: (tensor.detach() + 1).to(dtype)
        for name, tensor in make_model().state_dict().items()
    }
    return TrainedPolicy(weights, str(source), (), 1, None, None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_written_policy_is_loaded_as_it_was_trained(
    source: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    trained = make_trained(source, dtype)

    write_policy_folder(trained, tmp_path / "trained")

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "trained")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "trained")
    assert model.dtype == dtype
    loaded = model.state_dict()
    assert all(torch.equal(t, loaded[name]) for name, t in trained.state_dict.items())
    assert model.generation_config.temperature == 0.6
    assert tokenizer.chat_template == "{{ messages }}"
    assert tokenizer.eos_token_id == 1
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        written = (tmp_path / "trained" / name).read_bytes()
        assert written == (source / name).read_bytes()


def test_tied_weights_are_written_once(source: Path, tmp_path: Path) -> None:
    trained = make_trained(source)

    write_policy_folder(trained, tmp_path / "trained")

    written = load_file(tmp_path / "trained/model.safetensors")
    assert "lm_head.weight" in trained.state_dict
    assert set(trained.state_dict) - set(written) == {"lm_head.weight"}


def test_equal_weights_give_equal_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_policy_folder(make_trained(source), tmp_path / name)

    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert "model.safetensors" in names
    assert [(tmp_path / "first" / name).read_bytes() for name in names] == [
        (tmp_path / "second" / name).read_bytes() for name in names
    ]


def test_writing_says_nothing(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_policy_folder(make_trained(source), tmp_path / "trained")

    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_source_without_tokenizer_is_named(source: Path, tmp_path: Path) -> None:
    (source / "tokenizer.json").unlink()

    with pytest.raises(PolicyError, match=r"source: no tokenizer; expected one of"):
        write_policy_folder(make_trained(source), tmp_path / "trained")

    assert not (tmp_path / "trained").exists()


def test_a_source_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere: no readable config"):
        write_policy_folder(make_trained(tmp_path / "nowhere"), tmp_path / "trained")


def test_a_source_that_was_replaced_is_refused(source: Path, tmp_path: Path) -> None:
    path = source / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["num_hidden_layers"] = 3
    config["layer_types"] = ["full_attention"] * 3
    path.write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(PolicyError, match=r"'model\.layers\.2.*same names and shapes"):
        write_policy_folder(make_trained(source), tmp_path / "trained")
