"""Tiny models and policy folders."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils import logging

from policies import architectures
from policies.architectures import MAKERS, SIZES

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


@pytest.fixture(params=sorted(MAKERS))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_model() -> Callable[..., PreTrainedModel]:
    """A tiny model by architecture and dtype; the same weights every time."""
    return architectures.make_model
