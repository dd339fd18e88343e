"""Theorem 3.3 of the paper, of the loss as it is computed here.

The optimum of reward minus beta KL(policy || initial policy) moves probability from
refused to accepted actions and keeps every ratio within either: the paper's reason why
what a policy could do before is kept.
"""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters
from pivotrl_pipeline.rl.loss import ActionTokens, UpdateSize, compute_loss

NUM_STEPS = 60
ONE_ACTION = UpdateSize(num_rollouts=1, num_action_tokens=1, max_new_tokens=1)


def make_objective(beta: float, estimator: str) -> ObjectiveParameters:
    return ObjectiveParameters(
        baseline="group_mean",
        std_scope="none",
        std_ddof=0,
        std_epsilon=0.0,
        clip_low=0.2,
        clip_high=0.2,
        kl_beta=beta,
        kl_estimator=estimator,
        kl_times_ratio=True,
        aggregation="sequence_mean",
    )


def expected_loss(
    logits: torch.Tensor,
    initial_logprobs: torch.Tensor,
    rewards: torch.Tensor,
    objective: ObjectiveParameters,
) -> torch.Tensor:
    """The loss of an action of one token, averaged over all actions by probability."""
    logprobs = torch.log_softmax(logits, dim=0)
    probabilities = logprobs.detach().exp()
    advantages = rewards - (probabilities * rewards).sum()
    losses = [
        compute_loss(
            ActionTokens(
                logprobs[action].view(1, 1),
                logprobs[action].detach().view(1, 1),
                initial_logprobs[action].view(1, 1),
                advantages[action].view(1),
                torch.ones(1, 1, dtype=torch.bool),
            ),
            ONE_ACTION,
            objective,
        ).loss
        for action in range(len(logits))
    ]
    return (probabilities * torch.stack(losses)).sum()


def optimise(
    initial_logits: torch.Tensor, rewards: torch.Tensor, objective: ObjectiveParameters
) -> torch.Tensor:
    """Probabilities after natural-gradient steps, each half of the way to go."""
    initial_logprobs = torch.log_softmax(initial_logits, dim=0)
    logits = initial_logits.clone().requires_grad_()
    for _ in range(NUM_STEPS):
        loss = expected_loss(logits, initial_logprobs, rewards, objective)
        (gradient,) = torch.autograd.grad(loss, logits)
        probabilities = torch.softmax(logits.detach(), dim=0)
        step = gradient / probabilities * (0.5 / objective.kl_beta)
        logits = (logits.detach() - step).requires_grad_()
    return torch.softmax(logits.detach(), dim=0)


@settings(max_examples=25, deadline=None)
@given(
    initial_logits=st.lists(st.floats(-2, 2), min_size=3, max_size=6),
    num_accepted=st.integers(1, 2),
    beta=st.floats(0.3, 2.0),
    estimator=st.sampled_from(["k1", "k3"]),
)
def test_the_optimum_keeps_ratios_within_accepted_and_within_refused_actions(
    initial_logits: list[float], num_accepted: int, beta: float, estimator: str
) -> None:
    logits = torch.tensor(initial_logits, dtype=torch.float64)
    rewards = (torch.arange(len(logits)) < num_accepted).double()
    initial = torch.softmax(logits, dim=0)

    optimum = optimise(logits, rewards, make_objective(beta, estimator))

    change = (optimum / initial).log()
    accepted = rewards.bool()
    torch.testing.assert_close(
        change[accepted], change[accepted].mean().expand(num_accepted)
    )
    torch.testing.assert_close(
        change[~accepted], change[~accepted].mean().expand(len(logits) - num_accepted)
    )
    before = initial[accepted].sum().item()
    after = before * math.exp(1 / beta) / (before * math.exp(1 / beta) + 1 - before)
    assert math.isclose(optimum[accepted].sum().item(), after, rel_tol=1e-6)
    assert after > before
