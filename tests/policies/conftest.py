"""Tiny models with random weights, one per architecture that is tested."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)
from transformers.utils import logging

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


CHATML = """{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
{%- set arguments = call.function.arguments | tojson -%}
<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ arguments -}}
}</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """A token per byte, with any chat template."""

    def make(
        template: str | None = CHATML, bos_token: str | None = None
    ) -> PreTrainedTokenizerFast:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(
            models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[])
        )
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
            add_prefix_space=False, use_regex=False
        )
        tokenizer.decoder = decoders.ByteLevel()
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            bos_token=bos_token,
        )
        fast.chat_template = template
        return fast

    return make


@pytest.fixture
def make_policy_folder(
    tmp_path: Path, make_tokenizer: Callable[..., PreTrainedTokenizerFast]
) -> Callable[..., Path]:
    """A whole policy folder: a tiny Qwen3 with a token per byte."""

    def make(template: str | None = CHATML, num_layers: int = 2) -> Path:
        tokenizer = make_tokenizer(template)
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                **{
                    **SIZES,
                    "vocab_size": len(tokenizer),
                    "eos_token_id": tokenizer.eos_token_id,
                    "num_hidden_layers": num_layers,
                }
            )
        )
        folder = tmp_path / "policy"
        logging.disable_progress_bar()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


MAKERS: dict[str, Callable[[], PreTrainedModel]] = {
    "qwen3": _make_qwen3,
    "llama": _make_llama,
    "gemma3": _make_gemma3,
    "gemma2": _make_gemma2,
    "qwen3_moe": _make_qwen3_moe,
}


@pytest.fixture(params=sorted(MAKERS))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_model() -> Callable[..., PreTrainedModel]:
    """A tiny model by architecture and dtype; the same weights every time."""

    def make(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        model = MAKERS[name]().to(dtype).eval()
        torch.random.set_rng_state(state)
        if dtype is torch.float64 and "moe" in name:
            # The grouped matrix product of the default has no double precision.
            model.set_experts_implementation("eager")
        return model

    return make
