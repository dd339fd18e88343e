"""Gradients and steps of one update, in float64 where they are compared."""

import pytest
import torch
from tests.rl.objectives import AGGREGATIONS, Aggregation, make_objective
from tests.rl.toys import make_group, make_model, make_parameters
from torch import Tensor

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.forward import compute_action_logprobs_plain
from pivotrl_pipeline.rl import learner
from pivotrl_pipeline.rl.learner import Learner
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup

GROUPS = [
    make_group(0, 1.0, 0.0, None, 0.25),
    make_group(1, 1.0, 1.0, 1.0, 1.0),
    make_group(2, 0.0, 1.0, 1.0, 1.0),
]


def gradient_of(
    *, tokens_per_forward: int, groups: list[RolloutGroup], aggregation: Aggregation
) -> Tensor:
    model = make_model().double()
    objective = make_objective(kl_beta=0.1, aggregation=aggregation)
    parameters = make_parameters(
        objective_parameters=objective,
        tokens_per_forward=tokens_per_forward,
        max_gradient_norm=1e9,
    )
    trained = Learner(model, parameters)
    with torch.no_grad():  # away from the reference, so that the KL term has a say
        for parameter in model.parameters():
            parameter += 0.02 * torch.sin(torch.arange(parameter.numel())).view_as(
                parameter
            )
    trained.learn(groups, update_index=0)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("tokens_per_forward", [1, 16, 30])
def test_the_gradient_of_the_parts_is_the_gradient_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, aggregation: Aggregation, tokens_per_forward: int
) -> None:
    # The plain forward, since a packed row rounds its float32 norms by its layout.
    monkeypatch.setattr(
        learner, "compute_action_logprobs", compute_action_logprobs_plain
    )
    whole = gradient_of(
        tokens_per_forward=10_000, groups=GROUPS, aggregation=aggregation
    )

    parts = gradient_of(
        tokens_per_forward=tokens_per_forward, groups=GROUPS, aggregation=aggregation
    )

    assert whole.norm() > 1e-3
    torch.testing.assert_close(parts, whole, rtol=1e-10, atol=1e-13)


def test_sharing_prompts_leaves_the_gradient_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = gradient_of(
        tokens_per_forward=10_000, groups=GROUPS, aggregation="token_mean"
    )
    monkeypatch.setattr(
        learner, "compute_action_logprobs", compute_action_logprobs_plain
    )

    plain = gradient_of(
        tokens_per_forward=10_000, groups=GROUPS, aggregation="token_mean"
    )

    assert (shared - plain).norm() < 1e-6 * plain.norm()


def test_rewarded_actions_become_likelier() -> None:
    model = make_model()
    trained = Learner(model, make_parameters(learning_rate=1e-2))
    (group,) = groups = [make_group(0, 1.0, 0.0)]
    prompt = torch.tensor([group.pivot.prompt_ids])
    before = model(prompt).logits[0, -1].log_softmax(-1)

    trained.learn(groups, update_index=0)

    # the rewarded action is token 0, the other begins with token 1
    change = model(prompt).logits[0, -1].log_softmax(-1) - before
    assert change[0] > 0 > change[1]


def test_the_learning_rate_rises_over_the_warmup() -> None:
    model = make_model()
    trained = Learner(model, make_parameters(learning_rate=0.04, warmup_updates=4))
    rates = []

    for update_index in range(6):
        trained.learn(GROUPS, update_index)
        rates.append(trained.get_state()["optimizer"]["param_groups"][0]["lr"])

    assert rates == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.04, 0.04])


def test_long_gradients_are_scaled_down_and_reported_as_they_were() -> None:
    model = make_model()
    trained = Learner(model, make_parameters(max_gradient_norm=1e-3))

    report = trained.learn(GROUPS, update_index=0)

    squares = [parameter.grad.square().sum() for parameter in model.parameters()]
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(1e-3, rel=1e-3)
    assert report.gradient_norm > 1e-2


def test_tokens_are_counted_with_and_without_sharing() -> None:
    groups = [make_group(0, 1.0, 0.0), make_group(1, 1.0, 0.0)]

    whole = Learner(make_model(), make_parameters()).learn(groups, 0)
    twice = Learner(make_model(), make_parameters(epochs_per_update=2)).learn(groups, 0)
    parts = Learner(make_model(), make_parameters(tokens_per_forward=9)).learn(
        groups, 0
    )

    # prompts of 5 that share 3; actions 0 and 1 1, whose last token predicts nothing
    assert (whole.num_forwarded_tokens, whole.num_unique_tokens) == (9, 9)
    assert (twice.num_forwarded_tokens, twice.num_unique_tokens) == (18, 9)
    assert (parts.num_forwarded_tokens, parts.num_unique_tokens) == (12, 9)


def test_half_precision_weights_are_trained_in_float32_and_kept_as_loaded() -> None:
    model = make_model().bfloat16()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trained = Learner(model, make_parameters(learning_rate=1e-6))

    trained.learn(GROUPS, update_index=0)

    moved = [
        not torch.equal(tensor, before[name].float())
        for name, tensor in model.state_dict().items()
    ]
    assert any(moved)
    assert {t.dtype for t in trained.copy_weights().values()} == {torch.bfloat16}


def test_a_gradient_that_is_not_finite_ends_the_update() -> None:
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(torch.nan)
    trained = Learner(model, make_parameters())

    with pytest.raises(PolicyError, match=r"update 3: the gradient's norm is nan"):
        trained.learn(GROUPS, update_index=3)
