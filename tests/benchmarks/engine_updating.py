"""Ways to compute the gradient of one GRPO update on the same rollouts.

Run as a module, ``python -m benchmarks.engine_updating SIDE CASES``, it prints the peak
memory of one of them (see `measuring.measure_peaks`).
"""

import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from benchmarks.engine_models import draw_tokens, make_model
from benchmarks.measuring import Side, measure_peak, return_freed_memory
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
)
from pivotrl_pipeline.policies.groups import ActionGroup
from pivotrl_pipeline.rl.loss import ActionTokens, UpdateSize, compute_loss
from rl.objectives import make_objective

Compute = Callable[..., list[torch.Tensor]]


def make_group(size: str, num_actions: int, prefix: int, length: int) -> ActionGroup:
    """K actions of one length behind one prefix."""
    return ActionGroup(
        draw_tokens(size, prefix),
        [draw_tokens(size, length, 1 + action) for action in range(num_actions)],
    )


def make_shared(model: PreTrainedModel, group: ActionGroup) -> Side:
    """This package: the prefix once, its gradient the sum over the actions."""
    return lambda: _add_gradient(model, group, compute_action_logprobs)


def make_plain(model: PreTrainedModel, group: ActionGroup) -> Side:
    """This package's reference: the prefix repeated for each action."""
    return lambda: _add_gradient(model, group, compute_action_logprobs_plain)


def make_trl(model: PreTrainedModel, group: ActionGroup) -> Side:
    """`GRPOTrainer.training_step` of TRL, its rollouts given instead of sampled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer, batch = _make_trainer(model, group)

    def step() -> None:
        trainer.model.zero_grad()
        trainer.training_step(trainer.model, batch, None)

    return step


SIDES: dict[str, Callable[[PreTrainedModel, ActionGroup], Side]] = {
    "shared prefixes": make_shared,
    "prefixes repeated": make_plain,
    "TRL's training step": make_trl,
}


def _make_advantages(group: ActionGroup) -> torch.Tensor:
    return torch.linspace(-1, 1, len(group.actions))


def _add_gradient(model: PreTrainedModel, group: ActionGroup, compute: Compute) -> None:
    model.zero_grad()
    (logprobs,) = compute(model, [group], temperature=1.0)
    tokens = ActionTokens(
        logprobs,
        logprobs.detach(),
        None,
        _make_advantages(group).to(logprobs),
        torch.ones_like(logprobs, dtype=torch.bool),
    )
    length = group.max_action_tokens
    size = UpdateSize(len(group.actions), group.num_action_tokens, length)
    objective = make_objective(kl_beta=0.0, aggregation="token_mean")
    compute_loss(tokens, size, objective).loss.backward()


def _make_trainer(
    model: PreTrainedModel, group: ActionGroup
) -> tuple[object, dict[str, object]]:
    from trl import GRPOConfig, GRPOTrainer

    from datasets import Dataset

    class Replaying(GRPOTrainer):  # type: ignore[misc]
        """Takes the rollouts as they are given."""

        def _prepare_inputs(self, generation_batch: object) -> object:
            return generation_batch

    logging.getLogger("trl").setLevel(logging.ERROR)
    num_actions, on_cpu = len(group.actions), model.device.type == "cpu"
    vocabulary = {"<pad>": 0, "<eos>": 1, "hello": 2}
    trainer = Replaying(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=num_actions,
            num_generations=num_actions,
            max_completion_length=group.max_action_tokens,
            beta=0.0,
            use_cpu=on_cpu,
            bf16=False,
            gradient_checkpointing=model.is_activation_checkpointing,
            report_to=[],
            save_strategy="no",
        ),
        train_dataset=Dataset.from_dict({"prompt": ["hello"] * num_actions}),
        processing_class=PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(WordLevel(vocabulary, unk_token="<pad>")),
            pad_token="<pad>",
            eos_token="<eos>",
        ),
    )
    trainer.current_gradient_accumulation_steps = 1
    prompts = torch.tensor([list(group.prompt_ids)] * num_actions)
    actions = torch.tensor([list(action) for action in group.actions])
    batch = {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": actions,
        "completion_mask": torch.ones_like(actions),
        "advantages": _make_advantages(group),
        "num_items_in_batch": torch.tensor(group.num_action_tokens),
    }
    return trainer, {name: each.to(model.device) for name, each in batch.items()}


def _print_peaks(side: str, cases: Sequence[Sequence[object]]) -> None:
    return_freed_memory()
    for size, *numbers in cases:
        assert isinstance(size, str)
        num_actions, prefix, length = (int(str(number)) for number in numbers)
        model = make_model(size)
        SIDES[side](model, make_group(size, num_actions, 8, 4))()
        model.zero_grad()
        step = SIDES[side](
            make_model(size), make_group(size, num_actions, prefix, length)
        )
        print(measure_peak(step), flush=True)  # noqa: T201


if __name__ == "__main__":
    _print_peaks(sys.argv[1], json.loads(sys.argv[2]))
