"""Groups of every kind, and their gradients parameter by parameter."""

import random
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
)
from pivotrl_pipeline.policies.groups import ActionGroup


def draw(generator: random.Random, count: int, vocabulary: int = 97) -> list[int]:
    return [generator.randrange(vocabulary) for _ in range(count)]


def make_groups(seed: int = 0) -> list[ActionGroup]:
    """Prompts that are prefixes of each other, share a part, or share nothing."""
    generator = random.Random(seed)
    trunk = draw(generator, 400)
    prompts = [
        trunk[:30],
        trunk[:290],
        trunk,
        trunk[:290] + draw(generator, 20),
        trunk[:3] + draw(generator, 300),
        draw(generator, 5),
        [11],
    ]
    return [
        ActionGroup(
            prompt,
            [
                draw(generator, 6),
                [*draw(generator, 2), 1],
                [5],
                [5, 6, 7, 8],
                [5, 6, 7, 8],
                [5, 6, 7],
                trunk[30:40],
            ],
        )
        for prompt in prompts
    ]


def make_deep_groups(depth: int) -> list[ActionGroup]:
    """A prompt at each level of a path that forks into two at every level."""
    generator = random.Random(depth)
    groups = []
    path: list[int] = [1]
    for _ in range(depth):
        stem = draw(generator, 40)
        fork = draw(generator, 40)
        groups.append(ActionGroup(path + fork, [draw(generator, 4) for _ in range(3)]))
        path = path + stem
        groups.append(ActionGroup(path, [draw(generator, 4) for _ in range(3)]))
    return groups


def find_gradients(
    model: PreTrainedModel, logprobs: list[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Gradient of a weighted sum in which every entry has its own weight."""
    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for index, rows in enumerate(logprobs):
        weights = torch.linspace(-1, 2 + index, rows.numel(), dtype=torch.float64)
        total = total + (rows.double().cpu() * weights.view_as(rows)).sum()
    total.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def assert_equal_gradients(
    found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], tolerance: float
) -> None:
    assert found.keys() == wanted.keys()
    errors = {
        name: ((found[name] - wanted[name]).abs().max() / wanted[name].abs().max())
        for name in wanted
    }
    assert max(errors.values()) < tolerance, errors


class Distance(NamedTuple):
    """From the truth, relative to its length."""

    logprobs: float
    gradient: float


def compare_with_the_truth(
    model: PreTrainedModel, exact: PreTrainedModel, groups: list[ActionGroup]
) -> tuple[Distance, Distance]:
    """How far the shared and the plain forward of a model are from an exact one's."""
    truth = compute_action_logprobs_plain(exact, groups, temperature=0.8)
    gradients = list(find_gradients(exact, truth).values())
    distances = []
    for compute in (compute_action_logprobs, compute_action_logprobs_plain):
        logprobs = compute(model, groups, temperature=0.8)
        found = list(find_gradients(model, logprobs).values())
        distances.append(
            Distance(_measure(logprobs, truth), _measure(found, gradients))
        )
    return distances[0], distances[1]


def _measure(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> float:
    """Euclidean, relative to the length of what is wanted."""
    pairs = zip(found, wanted, strict=True)
    distance = sum((one.double() - other).square().sum().item() for one, other in pairs)
    length = sum(other.square().sum().item() for other in wanted)
    return float((distance / length) ** 0.5)
