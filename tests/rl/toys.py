"""A world of ten tokens: a tiny random Qwen3, and verifiers that read one token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from tests.rl.objectives import make_objective
from transformers import Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.parameters.rl_update import GRPOParameters, RLUpdateParameters
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.records.rollouts import FinishReason, Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.rl.pivots import PivotState
from pivotrl_pipeline.rl.rollout_groups import JudgedSample, RolloutGroup

STOP_TOKEN = 0
VOCABULARY = 10


def make_model(seed: int = 0) -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
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
    return Qwen3ForCausalLM(config).eval()


@dataclass
class ToyPolicy:
    """Samples by a plain loop; its text is the token ids."""

    model: Qwen3ForCausalLM
    num_calls: int = 0

    def render(self, state: State) -> list[int]:
        raise AssertionError("the prompts are given")

    @torch.no_grad()
    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
    ) -> list[list[Sample]]:
        self.num_calls += 1
        rows = [
            (prompt, seed)
            for prompt, of_prompt in zip(prompts, seeds, strict=True)
            for seed in of_prompt
        ]
        samples = iter(self._sample_rows(rows, settings))
        return [[next(samples) for _ in of_prompt] for of_prompt in seeds]

    def _sample_rows(
        self, rows: Sequence[tuple[Sequence[int], int]], settings: SamplingSettings
    ) -> list[Sample]:
        """All prompts have one length; rows that have stopped run on unread."""
        generators = [torch.Generator().manual_seed(seed) for _, seed in rows]
        sequences = torch.tensor([list(prompt) for prompt, _ in rows])
        chosen, logprobs = [], []
        for _ in range(settings.max_new_tokens):
            logits = self.model(sequences).logits[:, -1]
            if settings.temperature == 0:
                tokens = logits.argmax(-1)
            else:
                logits = logits / settings.temperature
                tokens = torch.cat(
                    [
                        torch.multinomial(row, 1, generator=generator)
                        for row, generator in zip(
                            logits.softmax(-1), generators, strict=True
                        )
                    ]
                )
            chosen.append(tokens)
            logprobs.append(logits.log_softmax(-1).gather(1, tokens[:, None])[:, 0])
            sequences = torch.cat([sequences, tokens[:, None]], dim=1)
        return [
            _cut_at_stop(tokens, values)
            for tokens, values in zip(
                torch.stack(chosen, 1).tolist(),
                torch.stack(logprobs, 1).tolist(),
                strict=True,
            )
        ]

    def decode(self, token_ids: Sequence[int]) -> str:
        return " ".join(map(str, token_ids))

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        return Action(content=text)


def _cut_at_stop(tokens: list[int], logprobs: list[float]) -> Sample:
    length = tokens.index(STOP_TOKEN) + 1 if STOP_TOKEN in tokens else len(tokens)
    return Sample(tuple(tokens[:length]), tuple(logprobs[:length]), FinishReason.STOP)


@dataclass
class ToyVerifier:
    """Reward 1 if the action begins with the demonstrated token."""

    reward_of: Callable[[str, str], float | None] = field(
        default=lambda demonstrated, said: float(said.split()[0] == demonstrated)
    )
    num_calls: int = 0
    fail_at_call: int | None = None

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        self.num_calls += 1
        if self.num_calls == self.fail_at_call:
            raise RuntimeError("killed")
        reward = self.reward_of(demonstrated_action.content or "", action.content or "")
        return Verdict(reward, VerdictReason.EQUIVALENT)


def make_pivots(num_pivots: int = 4, wanted: str = "7") -> list[PivotState]:
    return [
        PivotState(
            f"trajectory#{index}",
            (1, 2, 3, 1 + index % 9, 5),
            State((), ()),
            Action(content=wanted),
        )
        for index in range(num_pivots)
    ]


GRPO: dict[str, Any] = {
    "objective": "tested",
    "num_updates": 6,
    "group_size": 8,
    "epochs_per_update": 1,
    "learning_rate": 1e-3,
    "warmup_updates": 0,
    "weight_decay": 0.0,
    "max_gradient_norm": 1.0,
    "temperature": 1.0,
    "top_p": 1.0,
    "max_new_tokens": 2,
    "tokens_per_forward": 10_000,
    "gradient_checkpointing": False,
    "lora_rank": 0,
    "validation_tier": "toy",
    "validation_tasks": 0,
    "keep": "last",
    "checkpoint_every": 2,
    "seed": 0,
}
"""What updates on pivots and on episodes share: groups of eight, short actions."""
T = TypeVar("T", bound=GRPOParameters)


def fill_parameters(model: type[T], values: dict[str, Any]) -> T:
    """`GRPO` and the values; without reference policy unless they say so."""
    objective = values.pop("objective_parameters", make_objective())
    return model(**{**GRPO, "objective_presets": {"tested": objective}, **values})


def make_parameters(**changes: Any) -> RLUpdateParameters:
    """Four groups an update."""
    own = {
        "pivots_per_update": 4,
        "easy_turn_rate": 0.0,
        "heldout_every": 2,
        "heldout_turns": 0,
        "reprofile_below": 0.0,
        "reprofile_window": 2,
        "reprofile_candidates": 0,
    }
    return fill_parameters(RLUpdateParameters, own | changes)


def make_group(index: int, *rewards: float | None) -> RolloutGroup:
    """One group at pivot ``index``; its rollout i has i + 1 tokens, all i."""
    return RolloutGroup(
        make_pivots(9)[index],
        tuple(
            JudgedSample(
                Sample((i,) * (i + 1), (-0.5,) * (i + 1), FinishReason.STOP),
                Action(),
                reward,
            )
            for i, reward in enumerate(rewards)
        ),
    )
