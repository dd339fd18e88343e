"""Recorded turns in the world of ten tokens."""

from typing import Any

from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.rl.supervised_turns import SupervisedTurn, SupervisedTurns

PARAMETERS = SFTParameters(
    num_epochs=2,
    turns_per_update=4,
    learning_rate=1e-2,
    warmup_updates=0,
    decay_rate=0.0,
    weight_decay=0.0,
    max_gradient_norm=1.0,
    tokens_per_forward=10_000,
    gradient_checkpointing=False,
    lora_rank=0,
    validation_every=2,
    validation_tasks=0,
    validation_tier="short",
    max_new_tokens=3,
    keep="last",
    checkpoint_every=2,
    seed=0,
)


def make_parameters(**changes: Any) -> SFTParameters:
    """Two epochs, four turns an update."""
    return SFTParameters(**{**PARAMETERS.model_dump(), **changes})


def make_trajectory_turns(index: int, first_action: int = 7) -> list[SupervisedTurn]:
    """Two turns; the second state is the first, its action and a result of one token.

    Actions are one token, or two, and the stop token.
    """
    prompt = (1, 2, 3, 1 + index % 9)
    action = (first_action, 0)
    states = (prompt, (*prompt, *action, 4))
    actions = (action, (8, 1 + index % 3, 0))
    return [
        SupervisedTurn(f"trajectory-{index}#{turn}", f"trajectory-{index}", *pair)
        for turn, pair in enumerate(zip(states, actions, strict=True))
    ]


def make_turns(
    num_trajectories: int = 5, *, validation_action: int = 7
) -> SupervisedTurns:
    """Two turns each; one more trajectory is held out."""
    training = [t for n in range(num_trajectories) for t in make_trajectory_turns(n)]
    return SupervisedTurns(training, make_trajectory_turns(8, validation_action))
