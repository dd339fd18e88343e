from collections.abc import Callable

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from pivotrl_pipeline.policies.sharing import Sharing, find_sharing

Maker = Callable[..., PreTrainedModel]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_models_that_look_their_attention_up_share_trees(
    make_model: Maker, architecture: str, dtype: torch.dtype
) -> None:
    assert find_sharing(make_model(architecture, dtype)) is Sharing.TREE


def test_a_model_in_training_mode_stays_in_it(make_model: Maker) -> None:
    model = make_model("qwen3").train()

    find_sharing(model)

    assert all(module.training for module in model.modules())


def test_learned_positions_share_trees() -> None:
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    ).eval()

    assert find_sharing(model) is Sharing.TREE


def test_rotary_embedding_that_depends_on_the_length_copies_its_cache(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=97,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            rope_parameters={
                "rope_type": "dynamic",
                "factor": 2.0,
                "rope_theta": 1e4,
            },
        )
    ).eval()

    assert find_sharing(model) is Sharing.PROMPT
    assert "dynamic rotary embedding depends on the row's length" in caplog.text


def test_saved_config_does_not_name_the_attention_function(make_model: Maker) -> None:
    model = make_model("llama")

    find_sharing(model)

    assert "tree_" not in model.config.to_json_string()
