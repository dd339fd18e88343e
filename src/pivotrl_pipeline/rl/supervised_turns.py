"""Recorded turns as tokens: what supervised fine-tuning learns from.

The prompt is what the policy is given in deployment, the action what it would have to
sample there, stop token included.
"""

import logging
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import ConfigurationError, PolicyError
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.trajectories import (
    PivotCandidate,
    Split,
    State,
    Trajectory,
)
from pivotrl_pipeline.sampling.seeds import derive_seed

if TYPE_CHECKING:
    from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisedTurn:
    """A state and the action demonstrated there, as tokens of one policy."""

    candidate_id: str
    trajectory_id: str
    prompt_ids: tuple[int, ...]
    """As the policy renders the state."""
    action_ids: tuple[int, ...]
    """As its chat template renders the action, up to the stop token, included."""


@dataclass(frozen=True, slots=True)
class SupervisedTurns:
    """Both sides of the split."""

    training: Sequence[SupervisedTurn]
    validation: Sequence[SupervisedTurn]
    """Never trained on."""


def make_supervised_turns(
    policy: "TransformersPolicy",
    trajectories: Sequence[tuple[Trajectory, Sequence[PivotCandidate]]],
    training_ids: Collection[str],
    *,
    max_prompt_tokens: int,
    max_new_tokens: int,
) -> SupervisedTurns:
    """The named turns of the training split, and all turns of the validation split.

    Args:
        policy: Renders states and actions.
        trajectories: Each trajectory with its candidates.
        training_ids: Candidates to train on; those of the validation split are not.
        max_prompt_tokens: Longer states, which cannot be sampled at, are left out.
        max_new_tokens: Longer actions, which could not be sampled, are refused.

    Raises:
        ConfigurationError: If a named turn is not among the candidates, or an action
            is longer than ``max_new_tokens``.
        PolicyError: If the chat template has no text for an action of its own.
    """
    wanted = set(training_ids)
    _check_ids(wanted, {c.candidate_id for _, turns in trajectories for c in turns})
    training: list[SupervisedTurn] = []
    validation: list[SupervisedTurn] = []
    num_long = 0
    for trajectory, candidates in trajectories:
        is_held_out = trajectory.split is Split.VALIDATION
        for candidate in candidates:
            if not (is_held_out or candidate.candidate_id in wanted):
                continue
            turn = _make_turn(policy, trajectory, candidate)
            if len(turn.prompt_ids) > max_prompt_tokens:
                num_long += 1
                continue
            _check_length(turn, max_new_tokens)
            (validation if is_held_out else training).append(turn)
    if num_long:
        logger.info(
            "%d turns are left out: their states have more than %d tokens",
            num_long,
            max_prompt_tokens,
        )
    return SupervisedTurns(training, validation)


def render_action(
    policy: "TransformersPolicy",
    state: State,
    action: Action,
    prompt_ids: Sequence[int],
) -> tuple[int, ...]:
    """Tokens of an action as the chat template writes it, up to the stop token.

    An action's reasoning is among them where `policy.reasoning` shows the policy that
    of the turns since the last user message.

    Args:
        policy: Its chat template, tokenizer and stop tokens.
        state: Before the action.
        action: What follows.
        prompt_ids: The state as ``policy.render`` gives it.

    Raises:
        PolicyError: If the template changes the state when the action follows, or
            writes no stop token behind the action.
    """
    prompt = policy.template.render_text(state)
    answered = (*state.prefix, action.to_message())
    whole = policy.template.render_text(replace(state, prefix=answered))
    if not whole.startswith(prompt):
        raise PolicyError(
            "the chat template renders the state differently when its action follows, "
            "so the action has no text of its own; choose a policy whose template "
            "only appends."
        )
    num_prompt = len(prompt_ids)
    token_ids = _tokenize(policy, whole)
    # Where text before and after the boundary would merge into one token, the policy
    # goes on from the prompt's own tokens.
    following = (
        token_ids[num_prompt:]
        if token_ids[:num_prompt] == list(prompt_ids)
        else _tokenize(policy, whole[len(prompt) :])
    )
    ends = [i for i, token in enumerate(following) if token in policy.stop_ids]
    if not ends:
        raise PolicyError(
            f"the chat template writes none of the policy's stop tokens "
            f"({', '.join(map(str, policy.stop_ids))}) behind an action, so an end "
            f"cannot be learnt; put the token that it writes into eos_token_id of "
            f"generation_config.json."
        )
    return tuple(following[: ends[0] + 1])


def order_turns(
    turns: Sequence[SupervisedTurn], *, num_epochs: int, seed: int
) -> list[SupervisedTurn]:
    """All turns, epoch after epoch, each in an order of its own.

    Trajectories are shuffled and the turns of one stay together, so that an update
    finds turns that share their prefix.
    """
    by_trajectory: dict[str, list[SupervisedTurn]] = {}
    for turn in turns:
        by_trajectory.setdefault(turn.trajectory_id, []).append(turn)
    ordered: list[SupervisedTurn] = []
    for epoch in range(num_epochs):
        trajectory_ids = list(by_trajectory)
        random.Random(derive_seed(seed, "epoch", epoch)).shuffle(trajectory_ids)
        for trajectory_id in trajectory_ids:
            ordered += by_trajectory[trajectory_id]
    return ordered


def _make_turn(
    policy: "TransformersPolicy", trajectory: Trajectory, candidate: PivotCandidate
) -> SupervisedTurn:
    state = trajectory.state_before(candidate.message_index)
    try:
        prompt_ids = policy.render(state)
        action_ids = render_action(
            policy, state, candidate.demonstrated_action, prompt_ids
        )
    except PolicyError as error:
        raise PolicyError(f"Candidate {candidate.candidate_id!r}: {error}") from error
    return SupervisedTurn(
        candidate.candidate_id,
        candidate.trajectory_id,
        tuple(prompt_ids),
        action_ids,
    )


def _tokenize(policy: "TransformersPolicy", text: str) -> list[int]:
    ids: list[int] = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _check_ids(wanted: set[str], known: set[str]) -> None:
    unknown = sorted(wanted - known)
    if unknown:
        raise ConfigurationError(
            f"sft_turns names {len(unknown)} turns that are not among "
            f"pivot_candidates, {unknown[0]!r} first; expected both tables of one "
            f"ingestion: run the pipeline that makes sft_turns again."
        )


def _check_length(turn: SupervisedTurn, max_new_tokens: int) -> None:
    if len(turn.action_ids) > max_new_tokens:
        raise ConfigurationError(
            f"Candidate {turn.candidate_id!r}: the demonstrated action has "
            f"{len(turn.action_ids)} tokens, stop token included, but "
            f"sft.max_new_tokens is {max_new_tokens}, so the policy could never take "
            f"it; raise sft.max_new_tokens, or leave such trajectories out."
        )
