"""The objective of GRPO as a loss: Eq. 7 of the paper with its sign turned.

Everything is per token until the last sum. Averaging is a weight on each token, set
for the whole update, so the losses of its parts add up to the loss of the whole.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters


@dataclass(frozen=True, slots=True)
class ActionTokens:
    """The sampled tokens of some rollouts, as the loss sees them."""

    logprobs: Float[Tensor, "rollout token"]
    """Under the current policy."""
    rollout_logprobs: Float[Tensor, "rollout token"]
    """Under the policy that sampled; no gradient."""
    reference_logprobs: Float[Tensor, "rollout token"] | None
    """Under the reference policy; no gradient. Only read where kl_beta > 0."""
    advantages: Float[Tensor, " rollout"]
    """Shared by the tokens of an action."""
    action_mask: Bool[Tensor, "rollout token"]
    """True where the token belongs to the action."""
    sequence_tokens: Float[Tensor, " rollout"] | None = None
    """Action tokens of the sequence that each action is a part of (the turns of an
    episode); None where each action is a sequence of its own."""


@dataclass(frozen=True, slots=True)
class UpdateSize:
    """What the mean of an update divides by; the same for each of its parts."""

    num_rollouts: int
    """Judged rollouts (or whole episodes), those of groups without variance
    included."""
    num_action_tokens: int
    """Their action tokens."""
    max_new_tokens: int
    """Limit per action."""


@dataclass(frozen=True, slots=True)
class LossTerms:
    """A loss and what is reported of it, as sums over action tokens."""

    loss: Float[Tensor, ""]
    """To be minimised; the share of these rollouts in the loss of the update."""
    num_clipped: Float[Tensor, ""]
    """Tokens without gradient because their ratio left the trust region."""
    kl_sum: Float[Tensor, ""] | None
    """The KL estimates; None without a reference policy."""


def compute_loss(
    tokens: ActionTokens, size: UpdateSize, objective: ObjectiveParameters
) -> LossTerms:
    """The weighted sum of clipped surrogate and KL penalty over action tokens.

    Per token, ``surrogate + kl_beta * kl``, the KL estimate multiplied by the ratio
    where ``kl_times_ratio``. Values outside the action mask are not read: they may be
    anything, and their gradient is 0.

    Raises:
        ValueError: If kl_beta > 0 and there are no reference log-probabilities.

    Source:
        PivotRL (arXiv:2603.21383), Eq. 7; the ratio on the KL term as in DeepSeek-V3.2
        (arXiv:2512.02556) and TRL 1.16.
    """
    mask = tokens.action_mask
    logprobs = torch.where(mask, tokens.logprobs, 0.0)
    rollout_logprobs = torch.where(mask, tokens.rollout_logprobs, 0.0)
    ratios = torch.exp(logprobs - rollout_logprobs)
    token_losses, clipped_mask = clip_surrogate(
        ratios,
        tokens.advantages,
        clip_low=objective.clip_low,
        clip_high=objective.clip_high,
    )
    kl_sum = None
    if objective.kl_beta > 0:
        if tokens.reference_logprobs is None:
            raise ValueError(
                f"kl_beta is {objective.kl_beta}, but reference_logprobs is None; "
                "give the reference policy's log-probabilities, or set kl_beta to 0."
            )
        reference_logprobs = torch.where(mask, tokens.reference_logprobs, 0.0)
        kl = estimate_kl_policy_reference(
            logprobs, reference_logprobs, estimator=objective.kl_estimator
        )
        kl_sum = kl.detach().sum()
        penalties = kl * ratios if objective.kl_times_ratio else kl
        token_losses = token_losses + objective.kl_beta * penalties
    weights = compute_token_weights(
        mask,
        size,
        aggregation=objective.aggregation,
        dtype=logprobs.dtype,
        sequence_tokens=tokens.sequence_tokens,
    )
    return LossTerms(
        loss=(token_losses * weights).sum(),
        num_clipped=(clipped_mask & mask).sum().to(logprobs.dtype),
        kl_sum=kl_sum,
    )


def clip_surrogate(
    ratios: Float[Tensor, "rollout token"],
    advantages: Float[Tensor, " rollout"],
    *,
    clip_low: float,
    clip_high: float,
) -> tuple[Float[Tensor, "rollout token"], Bool[Tensor, "rollout token"]]:
    """Per token, ``-min(r A, clip(r, 1 - clip_low, 1 + clip_high) A)``, and its clips.

    A token is clipped where the second term is the smaller one: a good action already
    made likelier than ``1 + clip_high``, a bad one less likely than ``1 - clip_low``.

    Source:
        Schulman et al. 2017 (arXiv:1707.06347), Eq. 7; separate bounds as in DAPO
        (arXiv:2503.14476).
    """
    per_token = advantages.unsqueeze(-1)
    clipped = ratios.clamp(1 - clip_low, 1 + clip_high)
    losses = -torch.minimum(ratios * per_token, clipped * per_token)
    too_high = (per_token > 0) & (ratios > 1 + clip_high)
    too_low = (per_token < 0) & (ratios < 1 - clip_low)
    return losses, too_high | too_low


def estimate_kl_policy_reference(
    logprobs: Float[Tensor, "rollout token"],
    reference_logprobs: Float[Tensor, "rollout token"],
    *,
    estimator: Literal["k1", "k2", "k3"],
) -> Float[Tensor, "rollout token"]:
    """KL(policy || reference policy) from one token each that the policy sampled.

    With ``d = reference_logprobs - logprobs``: ``k1`` is ``-d`` (unbiased, any sign),
    ``k2`` is ``d^2 / 2`` (biased, never negative), ``k3`` is ``exp(d) - d - 1``
    (unbiased, never negative). Their *gradients* are another matter: on policy that of
    k1 is 0 on average, that of k2 is the KL's, that of k3 is the gradient of the
    reverse, KL(reference policy || policy). Multiplied by the ratio, k1 and k3 have the
    gradient of the KL named here.

    Source:
        Schulman 2020, "Approximating KL divergence" (joschu.net/blog/kl-approx.html).
    """
    difference = reference_logprobs - logprobs
    match estimator:
        case "k1":
            return -difference
        case "k2":
            return difference.square() / 2
        case "k3":
            return difference.exp() - difference - 1


def compute_token_weights(
    action_mask: Bool[Tensor, "rollout token"],
    size: UpdateSize,
    *,
    aggregation: Literal["sequence_mean", "token_mean", "constant"],
    dtype: torch.dtype,
    sequence_tokens: Float[Tensor, " rollout"] | None = None,
) -> Float[Tensor, "rollout token"]:
    """What each action token weighs in the update's loss; 0 outside the mask.

    ``sequence_mean``: 1 / (rollouts x tokens of this action), TRL's ``grpo``; of the
    whole sequence where the action is a part of one.
    ``token_mean``: 1 / action tokens of the update, TRL's ``dapo``, and its ``bnpo``
    when the update is one micro-batch.
    ``constant``: 1 / (rollouts x max_new_tokens), TRL's ``dr_grpo``.
    """
    weights = action_mask.to(dtype)
    match aggregation:
        case "sequence_mean":
            lengths = weights.sum(-1) if sequence_tokens is None else sequence_tokens
            return weights / lengths.clamp(min=1).unsqueeze(-1) / size.num_rollouts
        case "token_mean":
            return weights / size.num_action_tokens
        case "constant":
            return weights / (size.num_rollouts * size.max_new_tokens)
