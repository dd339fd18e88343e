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


def make_groups(
    size: str, num_actions: int, prefix: int, length: int, *, num_groups: int = 1
) -> list[ActionGroup]:
    """K actions of one length behind each of some prefixes of one length."""
    step = 1 + num_actions
    return [
        ActionGroup(
            draw_tokens(size, prefix, first),
            [draw_tokens(size, length, first + k) for k in range(1, step)],
        )
        for first in range(0, num_groups * step, step)
    ]


def make_shared(model: PreTrainedModel, groups: Sequence[ActionGroup]) -> Side:
    """This package: the prefix once, its gradient the sum over the actions."""
    return lambda: _add_gradient(model, groups, compute_action_logprobs)


def make_plain(model: PreTrainedModel, groups: Sequence[ActionGroup]) -> Side:
    """This package's reference: the prefix repeated for each action."""
    return lambda: _add_gradient(model, groups, compute_action_logprobs_plain)


def make_trl(model: PreTrainedModel, groups: Sequence[ActionGroup]) -> Side:
    """`GRPOTrainer.training_step` of TRL, its rollouts given instead of sampled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer, batch = _make_trainer(model, groups)

    def step() -> None:
        trainer.model.zero_grad()
        trainer.training_step(trainer.model, batch, None)

    return step


SIDES: dict[str, Callable[[PreTrainedModel, Sequence[ActionGroup]], Side]] = {
    "shared prefixes": make_shared,
    "prefixes repeated": make_plain,
    "TRL's training step": make_trl,
}


def _make_advantages(group: ActionGroup) -> torch.Tensor:
    return torch.linspace(-1, 1, len(group.actions))


def _add_gradient(
    model: PreTrainedModel, groups: Sequence[ActionGroup], compute: Compute
) -> None:
    model.zero_grad()
    size = UpdateSize(
        sum(len(group.actions) for group in groups),
        sum(group.num_action_tokens for group in groups),
        max(group.max_action_tokens for group in groups),
    )
    objective = make_objective(kl_beta=0.0, aggregation="token_mean")
    losses = []
    logprobs = compute(model, groups, temperature=1.0)
    for group, chosen in zip(groups, logprobs, strict=True):
        tokens = ActionTokens(
            chosen,
            chosen.detach(),
            None,
            _make_advantages(group).to(chosen),
            torch.ones_like(chosen, dtype=torch.bool),
        )
        losses.append(compute_loss(tokens, size, objective).loss)
    torch.stack(losses).sum().backward()


def _make_trainer(
    model: PreTrainedModel, groups: Sequence[ActionGroup]
) -> tuple[object, dict[str, object]]:
    from trl import GRPOConfig, GRPOTrainer

    from datasets import Dataset

    class Replaying(GRPOTrainer):  # type: ignore[misc]
        """Takes the rollouts as they are given."""

        def _prepare_inputs(self, generation_batch: object) -> object:
            return generation_batch

    logging.getLogger("trl").setLevel(logging.ERROR)
    num_actions, on_cpu = len(groups[0].actions), model.device.type == "cpu"
    num_rows = num_actions * len(groups)
    vocabulary = {"<pad>": 0, "<eos>": 1, "hello": 2}
    trainer = Replaying(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=num_rows,
            num_generations=num_actions,
            max_completion_length=groups[0].max_action_tokens,
            beta=0.0,
            use_cpu=on_cpu,
            bf16=False,
            gradient_checkpointing=model.is_activation_checkpointing,
            report_to=[],
            save_strategy="no",
        ),
        train_dataset=Dataset.from_dict({"prompt": ["hello"] * num_rows}),
        processing_class=PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(WordLevel(vocabulary, unk_token="<pad>")),
            pad_token="<pad>",
            eos_token="<eos>",
        ),
    )
    trainer.current_gradient_accumulation_steps = 1
    prompts = torch.tensor([g.prompt_ids for g in groups for _ in g.actions])
    actions = torch.tensor([action for group in groups for action in group.actions])
    batch = {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": actions,
        "completion_mask": torch.ones_like(actions),
        "advantages": torch.cat([_make_advantages(group) for group in groups]),
        "num_items_in_batch": torch.tensor(actions.numel()),
    }
    return trainer, {name: each.to(model.device) for name, each in batch.items()}


def _print_peaks(side: str, cases: Sequence[Sequence[object]]) -> None:
    return_freed_memory()
    for size, *numbers in cases:
        assert isinstance(size, str)
        num_actions, prefix, length = (int(str(number)) for number in numbers)
        model = make_model(size)
        SIDES[side](model, make_groups(size, num_actions, 8, 4))()
        model.zero_grad()
        step = SIDES[side](
            make_model(size), make_groups(size, num_actions, prefix, length)
        )
        print(measure_peak(step), flush=True)  # noqa: T201


if __name__ == "__main__":
    _print_peaks(sys.argv[1], json.loads(sys.argv[2]))
