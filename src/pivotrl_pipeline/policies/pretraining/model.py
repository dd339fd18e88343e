"""The network of the policy in the box: Qwen3, about a million parameters."""

from typing import TYPE_CHECKING

from pivotrl_pipeline.parameters.pretrain import ModelParameters
from pivotrl_pipeline.policies.pretraining.chat_template import (
    END_OF_TEXT,
    END_OF_TURN,
)
from pivotrl_pipeline.policies.pretraining.tokenizer import token_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM


def make_model(
    parameters: ModelParameters, tokenizer: "PreTrainedTokenizerFast", *, seed: int
) -> "Qwen3ForCausalLM":
    """A freshly initialised network for the tokenizer's vocabulary."""
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    end = token_id(tokenizer, END_OF_TURN)
    padding = token_id(tokenizer, END_OF_TEXT)
    config = Qwen3Config(
        vocab_size=_round_up(len(tokenizer), 64),
        hidden_size=parameters.hidden_size,
        intermediate_size=parameters.intermediate_size,
        num_hidden_layers=parameters.num_layers,
        num_attention_heads=parameters.num_heads,
        num_key_value_heads=parameters.num_key_value_heads,
        head_dim=parameters.hidden_size // parameters.num_heads,
        max_position_embeddings=parameters.max_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=padding,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=end, pad_token_id=padding, do_sample=True, temperature=1.0
    )
    return model


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
