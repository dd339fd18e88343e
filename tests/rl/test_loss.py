"""The loss by hand, by signs, by invariances and beside a slow loop."""

import itertools
import math

import pytest
import torch
from tests.rl.objectives import (
    AGGREGATIONS,
    Aggregation,
    Estimator,
    make_objective,
)
from torch import Tensor

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters
from pivotrl_pipeline.rl.loss import (
    ActionTokens,
    UpdateSize,
    clip_surrogate,
    compute_loss,
    compute_token_weights,
    estimate_kl_policy_reference,
)


def make_tokens(
    *, lengths: list[int], width: int, seed: int = 0, requires_grad: bool = True
) -> ActionTokens:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), width)

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    logprobs = (-1 + 0.3 * draw(*shape)).requires_grad_(requires_grad)
    return ActionTokens(
        logprobs=logprobs,
        rollout_logprobs=-1 + 0.3 * draw(*shape),
        reference_logprobs=-1 + 0.3 * draw(*shape),
        advantages=draw(len(lengths)),
        action_mask=torch.arange(width) < torch.tensor(lengths)[:, None],
    )


def size_of(tokens: ActionTokens, max_new_tokens: int = 10) -> UpdateSize:
    mask = tokens.action_mask
    return UpdateSize(mask.shape[0], int(mask.sum()), max_new_tokens)


def slow_loss(
    tokens: ActionTokens, objective: ObjectiveParameters, max_new_tokens: int
) -> float:
    assert tokens.reference_logprobs is not None
    sums, lengths = [], []
    for row in range(tokens.logprobs.shape[0]):
        total, length = 0.0, 0
        for column in range(tokens.logprobs.shape[1]):
            if not tokens.action_mask[row, column]:
                continue
            logprob = tokens.logprobs[row, column].item()
            ratio = math.exp(logprob - tokens.rollout_logprobs[row, column].item())
            advantage = tokens.advantages[row].item()
            low, high = 1 - objective.clip_low, 1 + objective.clip_high
            clipped = min(max(ratio, low), high)
            total -= min(ratio * advantage, clipped * advantage)
            d = tokens.reference_logprobs[row, column].item() - logprob
            kl = {"k1": -d, "k2": d * d / 2, "k3": math.exp(d) - d - 1}
            factor = ratio if objective.kl_times_ratio else 1.0
            total += objective.kl_beta * kl[objective.kl_estimator] * factor
            length += 1
        sums.append(total)
        lengths.append(length)
    if objective.aggregation == "sequence_mean":
        return sum(s / n for s, n in zip(sums, lengths, strict=True)) / len(sums)
    if objective.aggregation == "token_mean":
        return sum(sums) / sum(lengths)
    return sum(sums) / (len(sums) * max_new_tokens)


def test_clipping_keeps_the_pessimistic_side() -> None:
    ratios = torch.tensor([[1.5, 0.5, 1.1], [1.5, 0.5, 1.1]])

    losses, clipped_mask = clip_surrogate(
        ratios, torch.tensor([2.0, -2.0]), clip_low=0.2, clip_high=0.3
    )

    # A = +2: min(3.0, 2.6) = 2.6;  min(1.0, 1.6) = 1.0;  min(2.2, 2.2) = 2.2
    # A = -2: min(-3.0, -2.6) = -3.0;  min(-1.0, -1.6) = -1.6;  -2.2
    expected = [-2.6, -1.0, -2.2, 3.0, 1.6, 2.2]
    assert losses.flatten().tolist() == pytest.approx(expected)
    assert clipped_mask.tolist() == [[True, False, False], [False, True, False]]


def test_kl_estimates_by_hand() -> None:
    # d = log 0.25 - log 0.5 = -log 2
    # k1 = log 2, k2 = log(2)^2 / 2, k3 = 0.5 + log 2 - 1
    logprobs = torch.tensor([[0.5]], dtype=torch.float64).log()
    reference_logprobs = torch.tensor([[0.25]], dtype=torch.float64).log()

    k1 = estimate_kl_policy_reference(logprobs, reference_logprobs, estimator="k1")
    k2 = estimate_kl_policy_reference(logprobs, reference_logprobs, estimator="k2")
    k3 = estimate_kl_policy_reference(logprobs, reference_logprobs, estimator="k3")

    assert k1.item() == pytest.approx(0.693147, abs=1e-6)
    assert k2.item() == pytest.approx(0.240227, abs=1e-6)
    assert k3.item() == pytest.approx(0.193147, abs=1e-6)


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_the_estimates_average_to_the_kl_in_the_direction_named(
    estimator: Estimator,
) -> None:
    policy = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    reference = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)

    estimates = estimate_kl_policy_reference(
        policy.log(), reference.log(), estimator=estimator
    )

    # 0.5 log 2.5 + 0.3 log 1 + 0.2 log 0.4 = 0.274887
    assert (policy * estimates).sum().item() == pytest.approx(0.274887, abs=1e-6)


def test_a_loss_by_hand() -> None:
    log2, log4 = math.log(2), math.log(4)
    tokens = ActionTokens(
        logprobs=torch.tensor([[-log2, -log2], [-log2, 0.0]]),
        rollout_logprobs=torch.tensor([[-log2, -log4], [-log2, 0.0]]),
        reference_logprobs=torch.tensor([[-log2, -log2], [-log4, 0.0]]),
        advantages=torch.tensor([1.0, -1.0]),
        action_mask=torch.tensor([[True, True], [True, False]]),
    )
    objective = make_objective(kl_beta=0.5, kl_estimator="k1")

    terms = compute_loss(tokens, UpdateSize(2, 3, 10), objective)

    # ratios 1, 2 | 1. Surrogate -1, -min(2, 1.2) | +1. KL 0, 0 | log 2.
    # Means per action -1.1 | 1 + 0.5 log 2; their mean -0.05 + log(2) / 4.
    assert terms.loss.item() == pytest.approx(-0.05 + log2 / 4)
    assert terms.num_clipped.item() == 1
    assert terms.kl_sum is not None
    assert terms.kl_sum.item() == pytest.approx(log2)


def test_token_weights_by_hand() -> None:
    action_mask = torch.tensor([[True, True], [True, False]])
    size = UpdateSize(num_rollouts=4, num_action_tokens=6, max_new_tokens=8)

    weights = {
        aggregation: compute_token_weights(
            action_mask, size, aggregation=aggregation, dtype=torch.float64
        ).tolist()
        for aggregation in AGGREGATIONS
    }

    # 1 / (4 x length);  1 / 6;  1 / (4 x 8)
    assert weights["sequence_mean"] == [[1 / 8, 1 / 8], [1 / 4, 0]]
    assert weights["token_mean"] == [[1 / 6, 1 / 6], [1 / 6, 0]]
    assert weights["constant"] == [[1 / 32, 1 / 32], [1 / 32, 0]]


@pytest.mark.parametrize(
    ("aggregation", "estimator", "kl_times_ratio"),
    list(itertools.product(AGGREGATIONS, ["k2", "k3"], [True, False])),
)
def test_the_loss_agrees_with_an_explicit_loop(
    aggregation: Aggregation, estimator: Estimator, kl_times_ratio: bool
) -> None:
    tokens = make_tokens(lengths=[5, 1, 3], width=5)
    objective = make_objective(
        kl_beta=0.3,
        kl_estimator=estimator,
        kl_times_ratio=kl_times_ratio,
        aggregation=aggregation,
        clip_high=0.28,
    )

    terms = compute_loss(tokens, size_of(tokens), objective)

    expected = slow_loss(tokens, objective, max_new_tokens=10)
    assert terms.loss.item() == pytest.approx(expected, abs=1e-12)


def test_descent_makes_good_actions_likelier_and_bad_ones_less_likely() -> None:
    logprobs = torch.zeros(2, 1, requires_grad=True)
    tokens = ActionTokens(
        logprobs,
        torch.zeros(2, 1),
        None,
        torch.tensor([1.5, -0.5]),
        torch.ones(2, 1, dtype=torch.bool),
    )

    compute_loss(tokens, UpdateSize(2, 2, 1), make_objective()).loss.backward()

    # on policy the gradient by the log-probability is -A x weight, weight 1/2
    assert logprobs.grad is not None
    assert logprobs.grad.flatten().tolist() == [-0.75, 0.25]


def test_a_clipped_token_has_no_gradient() -> None:
    logprobs = torch.tensor([[0.3, -0.3], [0.3, -0.3]], requires_grad=True)
    tokens = ActionTokens(
        logprobs,
        torch.zeros(2, 2),
        None,
        torch.tensor([1.0, -1.0]),
        torch.ones(2, 2, dtype=torch.bool),
    )

    compute_loss(tokens, UpdateSize(2, 4, 2), make_objective()).loss.backward()

    # ratios e^0.3 = 1.35 and e^-0.3 = 0.74, both outside [0.8, 1.2]
    assert logprobs.grad is not None
    assert (logprobs.grad == 0).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("garbage", [0.0, 7.0, -math.inf, math.inf, math.nan])
def test_masked_tokens_change_nothing_and_get_exactly_zero_gradient(
    garbage: float,
) -> None:
    tokens = make_tokens(lengths=[5, 1, 3], width=5)
    wide = make_tokens(lengths=[5, 1, 3], width=8, requires_grad=False)
    for name in ("logprobs", "rollout_logprobs", "reference_logprobs"):
        values = getattr(wide, name)
        values.fill_(garbage)
        values[:, :5] = torch.where(
            tokens.action_mask, getattr(tokens, name).detach(), garbage
        )
    wide.advantages.copy_(tokens.advantages)
    wide.logprobs.requires_grad_()
    objective = make_objective(kl_beta=0.1)

    narrow_terms = compute_loss(tokens, size_of(tokens), objective)
    wide_terms = compute_loss(wide, size_of(wide), objective)
    narrow_terms.loss.backward()
    wide_terms.loss.backward()

    assert wide_terms.loss.item() == pytest.approx(narrow_terms.loss.item(), abs=1e-14)
    assert tokens.logprobs.grad is not None
    assert wide.logprobs.grad is not None
    torch.testing.assert_close(wide.logprobs.grad[:, :5], tokens.logprobs.grad)
    assert (wide.logprobs.grad[~wide.action_mask] == 0).all()


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_the_parts_of_an_update_add_up_to_the_whole(aggregation: Aggregation) -> None:
    whole = make_tokens(lengths=[5, 1, 3, 2], width=5)
    parts = [
        ActionTokens(
            whole.logprobs[rows],
            whole.rollout_logprobs[rows],
            None,
            whole.advantages[rows],
            whole.action_mask[rows],
        )
        for rows in (slice(0, 1), slice(1, 4))
    ]
    objective = make_objective(aggregation=aggregation)

    losses = [compute_loss(part, size_of(whole), objective).loss for part in parts]

    total = compute_loss(whole, size_of(whole), objective).loss
    assert sum(losses).item() == pytest.approx(total.item(), abs=1e-14)


def test_a_kl_term_without_reference_is_refused() -> None:
    tokens = ActionTokens(
        torch.zeros(1, 1),
        torch.zeros(1, 1),
        None,
        torch.zeros(1),
        torch.ones(1, 1, dtype=torch.bool),
    )

    with pytest.raises(ValueError, match=r"kl_beta is 0\.1, but reference_logprobs"):
        compute_loss(tokens, UpdateSize(1, 1, 1), make_objective(kl_beta=0.1))


def exact_gradient_policy(estimator: Estimator, *, times_ratio: bool) -> Tensor:
    """The softmax over five actions after descent on the expected loss, beta 0.5."""
    rewards = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    reference = torch.tensor([0.06, 0.14, 0.1, 0.3, 0.4], dtype=torch.float64)
    objective = make_objective(
        kl_beta=0.5, kl_estimator=estimator, kl_times_ratio=times_ratio
    )
    logits = reference.log().requires_grad_()
    for _ in range(600):
        all_logprobs = logits.log_softmax(-1)
        probabilities = all_logprobs.detach().exp()
        # One rollout per action, its gradient weighted with its probability: the mean
        # over infinitely many rollouts.
        logprobs = all_logprobs.detach()[:, None].requires_grad_()
        tokens = ActionTokens(
            logprobs,
            logprobs.detach(),
            reference.log()[:, None],
            rewards - (probabilities * rewards).sum(),
            torch.ones(5, 1, dtype=torch.bool),
        )
        loss = compute_loss(tokens, UpdateSize(1, 1, 1), objective).loss
        (gradients,) = torch.autograd.grad(loss, logprobs)
        (step,) = torch.autograd.grad(
            all_logprobs, logits, probabilities * gradients[:, 0]
        )
        logits = (logits - 2.0 * step).detach().requires_grad_()
    return logits.detach().softmax(-1)


@pytest.mark.parametrize(
    ("estimator", "times_ratio"), [("k1", True), ("k2", False), ("k3", True)]
)
def test_the_optimum_moves_mass_onto_accepted_actions_and_keeps_ratios(
    estimator: Estimator, times_ratio: bool
) -> None:
    policy = exact_gradient_policy(estimator, times_ratio=times_ratio)

    # Theorem 3.3: rho = 0.2 goes to rho e^(1/beta) / (rho e^(1/beta) + 1 - rho)
    weight = 0.2 * math.exp(1 / 0.5)
    assert policy[:2].sum().item() == pytest.approx(weight / (weight + 0.8), abs=1e-6)
    assert (policy[1] / policy[0]).item() == pytest.approx(0.14 / 0.06, abs=1e-6)
    assert (policy[4] / policy[3]).item() == pytest.approx(0.4 / 0.3, abs=1e-6)
    assert (policy[3] / policy[2]).item() == pytest.approx(0.3 / 0.1, abs=1e-6)


def test_k3_without_the_ratio_descends_the_reverse_kl() -> None:
    policy = exact_gradient_policy("k3", times_ratio=False)

    # The minimiser of -E r + beta KL(reference || policy): policy = beta reference /
    # (nu - r), with nu so that it sums to 1: for beta 0.5, rho 0.2 that is
    # 0.1 / (nu - 1) + 0.4 / nu = 1, nu^2 - 1.5 nu + 0.4 = 0, nu = 1.153113
    assert policy[:2].sum().item() == pytest.approx(0.1 / 0.153113, abs=1e-4)
    assert (policy[1] / policy[0]).item() == pytest.approx(0.14 / 0.06, abs=1e-4)


def test_a_wrong_shape_is_named_while_testing() -> None:
    with pytest.raises(TypeError, match="advantages"):
        clip_surrogate(torch.ones(2, 3), torch.ones(3), clip_low=0.2, clip_high=0.2)
