"""What the engine's benchmarks run on: models with random weights, and trajectories."""

import random
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen3Config


@dataclass(frozen=True, slots=True)
class Shape:
    """A Qwen3 architecture."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    key_heads: int
    head_dim: int
    vocabulary: int


SHAPES = {
    "tiny": Shape(32, 2, 64, 4, 2, 8, 100),
    "1M": Shape(128, 4, 384, 4, 2, 32, 1000),
    "10M": Shape(384, 6, 1152, 12, 6, 32, 1000),
    "20M": Shape(512, 8, 1280, 16, 8, 32, 1000),
    "Qwen3-0.6B": Shape(1024, 28, 3072, 16, 8, 128, 151_936),
    "Qwen3-4B": Shape(2560, 36, 9728, 32, 8, 128, 151_936),
}


def make_model(
    size: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> PreTrainedModel:
    """The same weights every time; no token ends an action."""
    shape = SHAPES[size]
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=40_960,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model.eval()


def draw_tokens(size: str, count: int, seed: int = 0) -> list[int]:
    """Token ids of the model's vocabulary, its padding left out."""
    generator = random.Random(seed)
    return [generator.randrange(1, SHAPES[size].vocabulary) for _ in range(count)]


def make_prompts(
    size: str, *, num_turns: int, num_tokens: int, seed: int = 0
) -> list[list[int]]:
    """The states of one trajectory, each a prefix of the next."""
    trunk = draw_tokens(size, num_tokens, seed)
    return [trunk[: num_tokens * (turn + 1) // num_turns] for turn in range(num_turns)]
