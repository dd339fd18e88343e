"""Log-probabilities of actions under a model, with gradient."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from pivotrl_pipeline.policies.groups import ActionGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def compute_action_logprobs_plain(
    model: "PreTrainedModel",
    groups: Sequence[ActionGroup],
    *,
    temperature: float,
) -> list[torch.Tensor]:
    """Log-probabilities of each action token, the prompt repeated for each action.

    ``log softmax(logits / temperature)`` at the sampled token, in float32, one
    forward per group. This is the reference for the shared forward, and what is left
    where a model cannot share.

    Returns:
        One tensor [num_actions, max_action_tokens] per group, 0 after an action's end.
    """
    return [_compute_group_logprobs(model, group, temperature) for group in groups]


def _compute_group_logprobs(
    model: "PreTrainedModel", group: ActionGroup, temperature: float
) -> torch.Tensor:
    device = model.device
    num_prompt, width = len(group.prompt_ids), group.max_action_tokens
    if width == 0:
        return torch.zeros(len(group.actions), 0, device=device)
    actions, is_action = pad_actions(group, device)
    prompt = torch.tensor(list(group.prompt_ids), device=device)
    prompts = prompt.expand(len(group.actions), num_prompt)
    # Padding on the right is after every real token, so causality alone hides it; the
    # last action token predicts nothing that is asked for.
    logits = model(
        input_ids=torch.cat([prompts, actions[:, :-1]], dim=1),
        use_cache=False,
        logits_to_keep=torch.arange(
            num_prompt - 1, num_prompt - 1 + width, device=device
        ),
    ).logits
    logprobs = select_logprobs(logits, actions, temperature)
    return torch.where(is_action, logprobs, 0.0)


def pad_actions(
    group: ActionGroup, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Action tokens [num_actions, max_action_tokens], and True where one stands."""
    width = group.max_action_tokens
    rows = [[*action, *[0] * (width - len(action))] for action in group.actions]
    lengths = torch.tensor([len(action) for action in group.actions], device=device)
    columns = torch.arange(width, device=device)
    return torch.tensor(rows, device=device), columns < lengths[:, None]


def select_logprobs(
    logits: torch.Tensor, token_ids: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``log softmax(logits / temperature)`` at ``token_ids``, at least in float32."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    scaled = wide / temperature
    chosen = scaled.gather(-1, token_ids[..., None]).squeeze(-1)
    return chosen - torch.logsumexp(scaled, dim=-1)
