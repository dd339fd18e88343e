"""Episodes as batches: by hand, and against a loop that shares nothing."""

import math

import pytest
import torch
from tests.rl.episode_toys import ToyWorld, make_e2e_parameters, make_policy
from tests.rl.objectives import AGGREGATIONS, Aggregation, make_objective
from tests.rl.toys import make_model
from torch import Tensor
from transformers import Qwen3ForCausalLM

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.policies.forward import count_unique_tokens
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.rl.batches import UpdateBatch
from pivotrl_pipeline.rl.episode_batches import make_episode_batch
from pivotrl_pipeline.rl.learner import Learner
from pivotrl_pipeline.sampling.episodes import (
    EpisodeOutcome,
    SampledTurn,
    run_episodes,
)

KL_BETA = 0.1
TASK = EnvironmentTask("toy/1", "toy", "", 1)


def make_episode(success: bool, *turns: tuple[list[int], list[int]]) -> EpisodeOutcome:
    """From prompts and actions."""
    return EpisodeOutcome(
        TASK,
        (),
        success,
        len(turns),
        tuple(
            SampledTurn(
                tuple(prompt),
                Sample(tuple(action), (-0.5,) * len(action), FinishReason.STOP),
                Action(),
            )
            for prompt, action in turns
        ),
    )


SOLVED = make_episode(True, ([1, 2, 3], [7, 0]), ([1, 2, 3, 7, 0, 3, 4], [5]))
FAILED = make_episode(False, ([1, 2, 3], [6]))
GROUPS = [[SOLVED, FAILED, FAILED, FAILED], [SOLVED, SOLVED, SOLVED, SOLVED]]


def batch_of(groups: list[list[EpisodeOutcome]], *, kl_beta: float) -> UpdateBatch:
    return make_episode_batch(groups, make_objective(kl_beta=kl_beta), max_new_tokens=9)


def test_every_turn_gets_the_advantage_of_its_episode() -> None:
    batch = batch_of(GROUPS, kl_beta=0.0)

    # rewards 1, 0, 0, 0: mean 1/4, standard deviation sqrt(3)/4
    good, bad = math.sqrt(3), -1 / math.sqrt(3)
    first, second = batch.groups
    assert first.actions.prompt_ids == (1, 2, 3)
    assert first.actions.actions == ((7, 0), (6,), (6,), (6,))
    assert first.advantages.tolist() == pytest.approx([good, bad, bad, bad], abs=1e-5)
    assert second.actions.actions == ((5,),)
    assert second.advantages.tolist() == pytest.approx([good], abs=1e-5)


def test_every_episode_counts_and_its_turns_are_one_sequence() -> None:
    batch = batch_of(GROUPS, kl_beta=0.0)

    assert (batch.num_groups, batch.num_informative) == (2, 1)
    # 5 solved ones of 3 tokens and 3 failed ones of 1
    assert (batch.size.num_rollouts, batch.size.num_action_tokens) == (8, 18)
    assert batch.groups[0].sequence_tokens.tolist() == [3, 1, 1, 1]
    assert batch.groups[1].sequence_tokens.tolist() == [3]


def test_groups_of_equal_outcomes_are_only_forwarded_for_the_kl_term() -> None:
    batch = batch_of(GROUPS, kl_beta=0.1)

    assert [len(g.actions.actions) for g in batch.groups] == [8, 5]
    assert batch.groups[1].advantages.tolist()[1:] == [0.0] * 4


def test_what_turns_and_episodes_share_is_forwarded_once() -> None:
    batch = batch_of(GROUPS, kl_beta=0.1)

    # 1 2 3, then 7 0 3 4: the last token of an action predicts nothing
    assert count_unique_tokens([g.actions for g in batch.groups]) == 7


def sample_groups(model: Qwen3ForCausalLM) -> list[list[EpisodeOutcome]]:
    world = ToyWorld()
    tasks = [t for t in world.tasks(tier="toy", seeds=range(3)) for _ in range(6)]
    episodes = run_episodes(
        make_policy(model),
        world,
        tasks,
        SamplingSettings(1.0, 1.0, 3),
        max_prompt_tokens=20,
        seed=5,
        keep_turns=True,
        has_progress_bar=False,
    )
    return [episodes[start : start + 6] for start in range(0, len(episodes), 6)]


def compute_slow_gradient(
    model: Qwen3ForCausalLM,
    reference: Qwen3ForCausalLM,
    groups: list[list[EpisodeOutcome]],
    aggregation: Aggregation,
) -> Tensor:
    """Turn by turn, each in a forward of its own, with the formulas written out."""
    episodes = [episode for group in groups for episode in group]
    num_tokens = sum(len(t.sample.token_ids) for e in episodes for t in e.turns)
    total = torch.zeros((), dtype=torch.float64)
    for group in groups:
        rewards = torch.tensor([float(e.success) for e in group], dtype=torch.float64)
        std = rewards.std(correction=0)
        for episode, reward in zip(group, rewards, strict=True):
            advantage = (reward - rewards.mean()) / (std + 1e-6)
            weight = {
                "sequence_mean": 1
                / len(episodes)
                / sum(len(turn.sample.token_ids) for turn in episode.turns),
                "token_mean": 1 / num_tokens,
                "constant": 1 / (len(episodes) * 3),
            }[aggregation]
            for turn in episode.turns:
                logprobs = forward_turn(model, turn)
                ratios = torch.exp(logprobs - logprobs.detach())
                with torch.no_grad():
                    reference_logprobs = forward_turn(reference, turn)
                difference = reference_logprobs - logprobs
                kl = difference.exp() - difference - 1
                losses = -ratios * advantage + KL_BETA * kl * ratios
                total = total + weight * losses.sum()
    model.zero_grad()
    total.backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def forward_turn(model: Qwen3ForCausalLM, turn: SampledTurn) -> Tensor:
    action = torch.tensor(turn.sample.token_ids)
    sequence = torch.tensor([*turn.prompt_ids, *turn.sample.token_ids])
    logits = model(sequence[None]).logits[0, len(turn.prompt_ids) - 1 : -1]
    return logits.log_softmax(-1).gather(1, action[:, None])[:, 0]


def shift(model: Qwen3ForCausalLM) -> None:
    """Away from the reference, so that the KL term has a say."""
    with torch.no_grad():
        for parameter in model.parameters():
            waves = 0.02 * torch.sin(torch.arange(parameter.numel()))
            parameter += waves.view_as(parameter)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("tokens_per_forward", [25, 10_000])
def test_the_gradient_is_that_of_a_loop_over_turns(
    aggregation: Aggregation, tokens_per_forward: int
) -> None:
    model, reference = make_model().double(), make_model().double()
    parameters = make_e2e_parameters(
        objective_parameters=make_objective(kl_beta=KL_BETA, aggregation=aggregation),
        max_new_tokens=3,
        max_gradient_norm=1e9,
        tokens_per_forward=tokens_per_forward,
    )
    learner = Learner(model, parameters)
    shift(model)
    groups = sample_groups(model)
    slow = compute_slow_gradient(model, reference, groups, aggregation)

    batch = make_episode_batch(
        groups, parameters.objective_parameters, max_new_tokens=3
    )
    learner.learn_batch(batch, update_index=0)

    assert batch.num_informative > 0
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert slow.norm() > 1e-3
    # The packed forward rounds its float32 norms by its layout.
    assert (gradient - slow).norm() < 1e-6 * slow.norm()
