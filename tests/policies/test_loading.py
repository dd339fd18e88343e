import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.loading import load_policy

MakeFolder = Callable[..., Path]


def make_parameters(**changes: object) -> PolicyParameters:
    return PolicyParameters.model_validate(
        {
            "device": "cpu",
            "dtype": "auto",
            "max_tokens_in_flight": 4096,
            "reasoning": "since_last_user",
            **changes,
        }
    )


def test_a_whole_folder_loads_quietly(
    make_policy_folder: MakeFolder,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = make_policy_folder()
    capfd.readouterr()

    with caplog.at_level(logging.WARNING):
        policy = load_policy(str(folder), make_parameters())

    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
    assert not policy.model.training
    assert policy.stop_ids == (policy.tokenizer.eos_token_id,)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("auto", torch.float32), ("bfloat16", torch.bfloat16)],
)
def test_weights_are_loaded_in_the_dtype_asked_for(
    make_policy_folder: MakeFolder, name: str, dtype: torch.dtype
) -> None:
    policy = load_policy(str(make_policy_folder()), make_parameters(dtype=name))

    assert policy.model.dtype is dtype


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere: no such folder; expected one with"):
        load_policy(str(tmp_path / "nowhere"), make_parameters())


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer*", "no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_file_says_which(
    make_policy_folder: MakeFolder, pattern: str, what: str
) -> None:
    folder = make_policy_folder()
    for path in folder.glob(pattern):
        path.unlink()

    with pytest.raises(PolicyError, match=f"policy: the folder has {what}"):
        load_policy(str(folder), make_parameters())


def test_weights_that_lack_a_tensor_are_refused(make_policy_folder: MakeFolder) -> None:
    folder = make_policy_folder(num_layers=1)
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 2
    config["layer_types"] = ["full_attention"] * 2
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(PolicyError, match="drawn at random"):
        load_policy(str(folder), make_parameters())


def test_a_model_of_another_kind_is_refused(make_policy_folder: MakeFolder) -> None:
    folder = make_policy_folder()
    (folder / "config.json").write_text('{"model_type": "vit"}')

    with pytest.raises(PolicyError, match="the model cannot be loaded"):
        load_policy(str(folder), make_parameters())


def test_a_folder_without_template_is_refused(make_policy_folder: MakeFolder) -> None:
    with pytest.raises(PolicyError, match="policy: the tokenizer has no chat template"):
        load_policy(str(make_policy_folder(None)), make_parameters())


def test_a_template_without_tools_is_refused(make_policy_folder: MakeFolder) -> None:
    folder = make_policy_folder("{% for m in messages %}{{ m.content }}{% endfor %}")

    with pytest.raises(PolicyError, match="does not render tools"):
        load_policy(str(folder), make_parameters())


def test_a_notation_of_calls_that_cannot_be_read_is_refused(
    make_policy_folder: MakeFolder,
) -> None:
    folder = make_policy_folder(
        "{{ tools | tojson if tools }}{% for m in messages %}{{ m.content }}"
        "{% for c in m.tool_calls or [] %}CALL {{ c.function.name }} "
        "{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
    )

    with pytest.raises(PolicyError, match="a notation that cannot be read back"):
        load_policy(str(folder), make_parameters())


def test_a_device_that_is_not_there_is_refused(
    make_policy_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(PolicyError, match="finds no CUDA device"):
        load_policy(str(make_policy_folder()), make_parameters(device="cuda:1"))


def test_every_end_of_sequence_stops_an_action(make_policy_folder: MakeFolder) -> None:
    folder = make_policy_folder()
    GenerationConfig(eos_token_id=[5, 9]).save_pretrained(folder)

    policy = load_policy(str(folder), make_parameters())

    assert policy.stop_ids == (5, 9, policy.tokenizer.eos_token_id)
