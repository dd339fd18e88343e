"""The loss of supervised fine-tuning against plain loops, in float64."""

from collections.abc import Sequence

import pytest
import torch
from tests.rl.supervised_toys import make_parameters, make_trajectory_turns, make_turns
from tests.rl.toys import make_model
from torch import Tensor
from transformers import PreTrainedModel

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner
from pivotrl_pipeline.rl.supervised_turns import SupervisedTurn

TURNS = make_turns(4).training


def sum_losses_plainly(model: PreTrainedModel, turn: SupervisedTurn) -> Tensor:
    """One sequence at a time, one action token after the other."""
    sequence = [*turn.prompt_ids, *turn.action_ids]
    losses = []
    for place in range(len(turn.prompt_ids), len(sequence)):
        logits = model(torch.tensor([sequence[:place]])).logits[0, -1]
        losses.append(logits.logsumexp(-1) - logits[sequence[place]])
    return torch.stack(losses).sum()


def compute_loss_plainly(
    model: PreTrainedModel, turns: Sequence[SupervisedTurn]
) -> Tensor:
    num_tokens = sum(len(turn.action_ids) for turn in turns)
    return sum(sum_losses_plainly(model, turn) for turn in turns) / num_tokens


def flatten_gradient(model: PreTrainedModel) -> Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("tokens_per_forward", [1, 20, 10_000])
def test_loss_and_gradient_are_those_of_one_sequence_at_a_time(
    tokens_per_forward: int,
) -> None:
    plain = make_model().double()
    wanted = compute_loss_plainly(plain, TURNS)
    wanted.backward()
    model = make_model().double()
    learner = SupervisedLearner(
        model,
        make_parameters(tokens_per_forward=tokens_per_forward, max_gradient_norm=1e9),
        num_updates=1,
    )
    validation_loss = learner.measure_loss(TURNS)

    report = learner.learn(TURNS, update_index=0)

    # The model rounds its norms to float32, in a packed row by another layout.
    assert report.loss == pytest.approx(wanted.item(), rel=1e-6)
    assert validation_loss == pytest.approx(wanted.item(), rel=1e-6)
    distance = (flatten_gradient(model) - flatten_gradient(plain)).norm()
    assert distance < 1e-5 * flatten_gradient(plain).norm()
    assert report.gradient_norm == pytest.approx(
        flatten_gradient(plain).norm().item(), rel=1e-5
    )


def test_loss_is_that_of_transformers_with_labels_on_the_action_alone() -> None:
    model = make_model().double()
    sums = []
    for turn in TURNS:
        ids = torch.tensor([[*turn.prompt_ids, *turn.action_ids]])
        labels = ids.clone()
        labels[0, : len(turn.prompt_ids)] = -100
        loss = model(input_ids=ids, labels=labels).loss
        sums.append(loss.item() * len(turn.action_ids))
    learner = SupervisedLearner(model, make_parameters(), num_updates=1)

    loss = learner.measure_loss(TURNS)

    assert loss == pytest.approx(
        sum(sums) / sum(len(turn.action_ids) for turn in TURNS), rel=1e-6
    )


def test_an_untrained_uniform_policy_loses_the_logarithm_of_its_vocabulary() -> None:
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.zero_()  # all logits are 0
    learner = SupervisedLearner(model, make_parameters(), num_updates=1)

    assert learner.measure_loss(TURNS) == pytest.approx(2.302585, abs=1e-5)


def test_a_token_weighs_the_same_in_a_long_and_in_a_short_action() -> None:
    # A mean over turns would be (a + b) / 2 with the actions' own means a and b.
    model = make_model()
    learner = SupervisedLearner(model, make_parameters(), num_updates=1)
    short, long = make_trajectory_turns(0)

    both = learner.measure_loss([short, long])

    # actions of 2 and of 3 tokens
    parts = [learner.measure_loss([turn]) for turn in (short, long)]
    assert both == pytest.approx((2 * parts[0] + 3 * parts[1]) / 5, rel=1e-6)


def test_the_turns_of_one_trajectory_share_their_tokens() -> None:
    turns = make_trajectory_turns(0)
    whole = SupervisedLearner(make_model(), make_parameters(), num_updates=1)
    parts = SupervisedLearner(
        make_model(), make_parameters(tokens_per_forward=1), num_updates=1
    )

    together, apart = whole.learn(turns, 0), parts.learn(turns, 0)

    # prompts of 4 and 7 tokens, the first with its action's first token in the second;
    # then the first two of the second action's three tokens
    assert (together.num_forwarded_tokens, together.num_unique_tokens) == (9, 9)
    assert (apart.num_forwarded_tokens, apart.num_unique_tokens) == (14, 9)


def test_the_learning_rate_rises_and_falls_linearly() -> None:
    learner = SupervisedLearner(
        make_model(),
        make_parameters(learning_rate=0.04, warmup_updates=2, decay_rate=0.5),
        num_updates=8,
    )

    rates = [learner.learn(TURNS[:1], index).learning_rate for index in range(8)]

    # half of 8 updates, at the end: 4/4, 3/4, 2/4 and 1/4 of the plateau
    assert rates == pytest.approx([0.02, 0.04, 0.04, 0.04, 0.04, 0.03, 0.02, 0.01])
    assert learner.get_state()["optimizer"]["param_groups"][0]["lr"] == rates[-1]


def test_a_gradient_that_is_not_finite_ends_the_training() -> None:
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(torch.nan)
    learner = SupervisedLearner(model, make_parameters(), num_updates=1)

    with pytest.raises(PolicyError, match=r"update 3: .* is nan.*sft\.learning_rate"):
        learner.learn(TURNS, update_index=3)


def test_half_precision_weights_are_trained_in_float32_and_kept_as_loaded() -> None:
    model = make_model().bfloat16()
    before = model.state_dict()["model.norm.weight"].float().clone()
    learner = SupervisedLearner(
        model, make_parameters(learning_rate=1e-6), num_updates=1
    )

    learner.learn(TURNS, update_index=0)

    assert not torch.equal(model.state_dict()["model.norm.weight"], before)
    assert {t.dtype for t in learner.copy_weights().values()} == {torch.bfloat16}
