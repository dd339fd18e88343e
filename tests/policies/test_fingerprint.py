from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.fingerprint import (
    describe_arithmetic,
    fingerprint_folder,
)


def test_fingerprint_follows_content_not_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")

    assert fingerprint_folder(tmp_path / "one") == fingerprint_folder(tmp_path / "two")


def test_fingerprint_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = fingerprint_folder(tmp_path)

    (tmp_path / "config.json").write_text("{ }")
    edited = fingerprint_folder(tmp_path)
    (tmp_path / "config.json").rename(tmp_path / "other.json")

    assert len({before, edited, fingerprint_folder(tmp_path)}) == 3


def test_lineage_is_not_part_of_a_policy(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = fingerprint_folder(tmp_path)

    (tmp_path / "lineage.json").write_text("{}")

    assert fingerprint_folder(tmp_path) == before


def test_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere: no policy there; expected"):
        fingerprint_folder(tmp_path / "nowhere")


def test_arithmetic_is_that_of_libraries_format_device_and_threads() -> None:
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=8,
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    threads = torch.get_num_threads()

    single = describe_arithmetic(model)
    double = describe_arithmetic(model.double())

    assert f"torch {torch.__version__}" in single
    assert f"torch.float32, cpu, {torch.backends.cpu.get_cpu_capability()}" in single
    assert single.endswith(f", {threads} threads")
    assert double == single.replace("float32", "float64")
