"""The loss and its gradient beside TRL's `GRPOTrainer._compute_loss`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.rl.objectives import Aggregation, make_objective
from torch import Tensor

from pivotrl_pipeline.rl.loss import ActionTokens, UpdateSize, compute_loss

pytest.importorskip("trl")

NUM_ROLLOUTS, PROMPT_TOKENS, ACTION_TOKENS, VOCABULARY = 6, 7, 5, 40
MAX_NEW_TOKENS = 9
LENGTHS = torch.tensor([5, 1, 3, 4, 5, 2])


@pytest.fixture(scope="module")
def build_trainer(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    from datasets import Dataset

    vocabulary = {"<pad>": 0, "<eos>": 1, "hello": 2}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(vocabulary, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="<eos>",
    )
    folder: Path = tmp_path_factory.mktemp("policy")
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)

    def build(loss_type: str, beta: float, temperature: float) -> Any:
        trainer = GRPOTrainer(
            model=Qwen3ForCausalLM.from_pretrained(folder),
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=GRPOConfig(
                output_dir=str(folder / "trl"),
                per_device_train_batch_size=NUM_ROLLOUTS,
                num_generations=NUM_ROLLOUTS,
                max_completion_length=MAX_NEW_TOKENS,
                loss_type=loss_type,
                beta=beta,
                temperature=temperature,
                epsilon=0.2,
                epsilon_high=0.28,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                report_to=[],
                save_strategy="no",
            ),
            train_dataset=Dataset.from_dict({"prompt": ["hello"] * NUM_ROLLOUTS}),
            processing_class=tokenizer,
        )
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        return trainer

    return build


def make_inputs(num_items_in_batch: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (NUM_ROLLOUTS, ACTION_TOKENS)
    return {
        "prompt_ids": torch.randint(
            3, VOCABULARY, (NUM_ROLLOUTS, PROMPT_TOKENS), generator=generator
        ),
        "prompt_mask": torch.ones(NUM_ROLLOUTS, PROMPT_TOKENS, dtype=torch.long),
        "completion_ids": torch.randint(3, VOCABULARY, shape, generator=generator),
        "completion_mask": (torch.arange(ACTION_TOKENS) < LENGTHS[:, None]).long(),
        "advantages": torch.randn(NUM_ROLLOUTS, generator=generator),
        "old_per_token_logps": torch.randn(shape, generator=generator) * 0.3 - 3.7,
        "ref_per_token_logps": torch.randn(shape, generator=generator) * 0.3 - 3.7,
        "num_items_in_batch": torch.tensor(num_items_in_batch),
    }


def compute_plain_logprobs(
    model: torch.nn.Module, inputs: dict[str, Tensor], temperature: float
) -> Tensor:
    token_ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    logits = model(input_ids=token_ids).logits[:, PROMPT_TOKENS - 1 : -1]
    logprobs = (logits / temperature).log_softmax(-1)
    chosen = inputs["completion_ids"].unsqueeze(-1)
    return logprobs.gather(-1, chosen).squeeze(-1)


def gradient_norm(model: torch.nn.Module) -> float:
    squares = [p.grad.double().square().sum() for p in model.parameters()]
    return torch.stack(squares).sum().sqrt().item()


@pytest.mark.parametrize("beta", [0.0, 0.04])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(
    ("loss_type", "aggregation", "num_items_in_batch"),
    [
        ("grpo", "sequence_mean", 20),
        ("bnpo", "token_mean", 20),
        ("dapo", "token_mean", 20),
        ("dapo", "token_mean", 57),  # this batch is one part of a larger update
        ("dr_grpo", "constant", 20),
    ],
)
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is dep:FutureWarning")
def test_loss_and_gradient_agree_with_trl(
    build_trainer: Callable[..., Any],
    loss_type: str,
    aggregation: Aggregation,
    num_items_in_batch: int,
    beta: float,
    temperature: float,
) -> None:
    inputs = make_inputs(num_items_in_batch)
    trainer = build_trainer(loss_type, beta, temperature)
    trl_loss = trainer._compute_loss(trainer.model, inputs)
    trl_loss.backward()
    trl_norm = gradient_norm(trainer.model)
    trainer.model.zero_grad()
    objective = make_objective(
        kl_beta=beta,
        kl_estimator="k3",
        kl_times_ratio=True,
        aggregation=aggregation,
        clip_high=0.28,
    )

    tokens = ActionTokens(
        compute_plain_logprobs(trainer.model, inputs, temperature),
        inputs["old_per_token_logps"],
        inputs["ref_per_token_logps"],
        inputs["advantages"],
        inputs["completion_mask"].bool(),
    )
    size = UpdateSize(NUM_ROLLOUTS, num_items_in_batch, MAX_NEW_TOKENS)
    loss = compute_loss(tokens, size, objective).loss
    loss.backward()

    assert loss.item() == pytest.approx(trl_loss.item(), abs=1e-6)
    assert gradient_norm(trainer.model) == pytest.approx(trl_norm, rel=1e-5)
