"""Tiny models with random weights, one per architecture that is tested."""

from collections.abc import Callable

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

VOCABULARY = 97
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 4096,
    # Large weights make attention matter; small ones would hide a wrong mask.
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}


def _make_qwen3() -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**SIZES))


def _make_llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**SIZES))


def _make_gemma3() -> PreTrainedModel:
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            **SIZES,
            sliding_window=7,
            query_pre_attn_scalar=8,
            layer_types=["sliding_attention", "full_attention"],
        )
    )


def _make_gemma2() -> PreTrainedModel:
    return Gemma2ForCausalLM(
        Gemma2Config(
            **SIZES,
            sliding_window=7,
            query_pre_attn_scalar=8,
            attn_logit_softcapping=2.0,
            final_logit_softcapping=5.0,
            attn_implementation="eager",
        )
    )


def _make_qwen3_moe() -> PreTrainedModel:
    return Qwen3MoeForCausalLM(
        Qwen3MoeConfig(
            **SIZES, moe_intermediate_size=16, num_experts=4, num_experts_per_tok=2
        )
    )


MAKERS: dict[str, Callable[[], PreTrainedModel]] = {
    "qwen3": _make_qwen3,
    "llama": _make_llama,
    "gemma3": _make_gemma3,
    "gemma2": _make_gemma2,
    "qwen3_moe": _make_qwen3_moe,
}


def make_model(
    name: str, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> PreTrainedModel:
    """A tiny model by architecture; the same weights every time."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = MAKERS[name]().to(device, dtype).eval()
    torch.random.set_rng_state(state)
    if dtype is torch.float64 and "moe" in name:
        # The grouped matrix product of the default has no double precision.
        model.set_experts_implementation("eager")
    return model
