"""Exports for policies whose tokenizers and templates are not those of the box."""

import json
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.pipelines.export.exporting import POLICY, export, import_file

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.loading import load_policy

transformers = pytest.importorskip("transformers")

BEGINNING = "<|endoftext|>"
PARAMETERS = PolicyParameters.model_validate(POLICY)


@pytest.fixture
def llama_folder(policy_folder: Path, tmp_path: Path) -> Path:
    """Like Llama: the tokenizer adds a beginning, and the template writes it."""
    folder = tmp_path / "llama"
    shutil.copytree(policy_folder, folder)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": BEGINNING, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [],
        "special_tokens": {
            BEGINNING: {
                "id": BEGINNING,
                "ids": [ids[BEGINNING]],
                "tokens": [BEGINNING],
            }
        },
    }
    path.write_text(json.dumps(tokenizer))
    _change_settings(folder, bos_token=BEGINNING)
    return folder


@pytest.mark.parametrize("trainer", ["trl_grpo", "trl_sft"])
def test_trl_reads_the_tokens_that_the_policy_was_profiled_on(
    trainer: str,
    llama_folder: Path,
    tables: dict[str, pd.DataFrame],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    template = llama_folder / "chat_template.jinja"
    template.write_text("{{ bos_token }}" + template.read_text())

    with caplog.at_level(logging.WARNING):
        export(tables, llama_folder, tmp_path)

    tokenizer = transformers.AutoTokenizer.from_pretrained(llama_folder)
    rendered = pd.read_parquet(tmp_path / "rendered_turns.parquet")["prompt"][0]
    prompt = pd.read_parquet(tmp_path / trainer / "train.parquet")["prompt"][0]
    sampled_from = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert sampled_from[:1] == [tokenizer.bos_token_id]
    assert tokenizer(prompt)["input_ids"] == sampled_from
    assert not caplog.text


def test_a_beginning_that_the_template_does_not_write_is_told(
    llama_folder: Path,
    tables: dict[str, pd.DataFrame],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        export(tables, llama_folder, tmp_path)

    assert f"TRL puts {BEGINNING!r} before each prompt" in caplog.text


def test_an_action_may_end_in_any_of_the_tokens_that_end_one_here(
    policy_folder: Path, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(policy_folder, folder)
    _change_settings(folder, eos_token=BEGINNING)
    policy = load_policy(str(folder), PARAMETERS)
    assert len(policy.stop_ids) == 2

    export(tables, folder, tmp_path)

    row = pd.read_parquet(tmp_path / "trl_grpo" / "train.parquet").iloc[0]
    completion = pd.read_parquet(tmp_path / "rendered_turns.parquet")["completion"][0]
    ids = policy.tokenizer(completion, add_special_tokens=False)["input_ids"]
    rewards = import_file(tmp_path / "trl_grpo" / "reward.py").pivot_reward(
        completion_ids=[*([*ids, stop] for stop in policy.stop_ids), ids, []],
        state=[row["state"]] * 4,
        demonstrated_action=[row["demonstrated_action"]] * 4,
    )
    assert rewards == [1.0, 1.0, 0.0, 0.0]


def _change_settings(folder: Path, **changes: str) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
