"""Log-probabilities of actions under a model, with gradient.

Groups whose prompts share tokens go through the model as one packed row in which each
unique token stands once: trunk, branches at its states, actions. The gradient is
exactly the sum over all actions, because a shared token's keys and values receive the
gradient of everything that attends to them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.groups import ActionGroup
from pivotrl_pipeline.policies.packed_attention import PackedAttention
from pivotrl_pipeline.policies.prefix_tree import PrefixTree, Tokens, build_prefix_tree
from pivotrl_pipeline.policies.sharing import (
    Sharing,
    find_base_model,
    find_sharing,
    forward_tree,
)


def compute_action_logprobs(
    model: PreTrainedModel, groups: Sequence[ActionGroup], *, temperature: float
) -> list[torch.Tensor]:
    """Log-probabilities of each action token, each unique token forwarded once.

    ``log softmax(logits / temperature)`` at the sampled token, at least in float32.
    All groups go through one forward; `batch_groups` cuts an update into forwards of
    bounded size. Logits are computed only where an action token is predicted. A model
    that cannot share its prefixes takes `compute_action_logprobs_plain`.

    Returns:
        One tensor [num_actions, max_action_tokens] per group, 0 after an action's end.
    """
    if sum(group.num_action_tokens for group in groups) == 0 or not _can_share(model):
        return compute_action_logprobs_plain(model, groups, temperature=temperature)
    sequences = [
        [*group.prompt_ids, *action[:-1]]
        for group in groups
        for action in group.actions
    ]
    tree = build_prefix_tree(sequences)
    actions = [action for group in groups for action in group.actions]
    places = np.concatenate(
        [
            _read_path_end(tree, index, len(action))
            for index, action in enumerate(actions)
        ]
    )
    kept, kept_index = np.unique(places, return_inverse=True)
    device = model.device
    attention = PackedAttention(tree, device=device, dtype=find_base_model(model).dtype)
    logits = forward_tree(
        model, tree, attention, logits_to_keep=torch.from_numpy(kept).to(device)
    )
    chosen = torch.tensor([token for action in actions for token in action])
    logprobs = _select_rows(
        logits, torch.from_numpy(kept_index).to(device), chosen.to(device), temperature
    )
    return _pad(logprobs, groups)


def compute_action_logprobs_plain(
    model: PreTrainedModel, groups: Sequence[ActionGroup], *, temperature: float
) -> list[torch.Tensor]:
    """Log-probabilities of each action token, the prompt repeated for each action.

    One forward per group. This is the reference for the shared forward, and what is
    left where a model cannot share.

    Returns:
        One tensor [num_actions, max_action_tokens] per group, 0 after an action's end.
    """
    return [_compute_group_logprobs(model, group, temperature) for group in groups]


def count_unique_tokens(groups: Sequence[ActionGroup]) -> int:
    """Tokens that a forward of the groups needs at least."""
    sequences = [
        [*group.prompt_ids, *action[:-1]]
        for group in groups
        for action in group.actions
    ]
    return len(build_prefix_tree(sequences).token_ids) if sequences else 0


def _can_share(model: PreTrainedModel) -> bool:
    """Dropout on attention draws anew for each repetition, so it cannot be shared."""
    dropout = getattr(model.config.get_text_config(), "attention_dropout", 0.0)
    if model.training and dropout:
        return False
    return find_sharing(model) is Sharing.TREE


def _read_path_end(tree: PrefixTree, index: int, count: int) -> Tokens:
    """Places in the row of the last tokens of a sequence."""
    path = [np.arange(start, stop) for start, stop in tree.paths[index]]
    places = np.concatenate(path)
    return places[len(places) - count :]


def _select_rows(
    logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``log softmax(logits / temperature)`` at [row, token], one per pair."""
    scaled = _widen(logits) / temperature
    return scaled[rows, tokens] - torch.logsumexp(scaled, dim=-1)[rows]


def _pad(logprobs: torch.Tensor, groups: Sequence[ActionGroup]) -> list[torch.Tensor]:
    padded = []
    start = 0
    for group in groups:
        stop = start + group.num_action_tokens
        _, is_action = pad_actions(group, logprobs.device)
        zeros = logprobs.new_zeros(is_action.shape)
        padded.append(zeros.masked_scatter(is_action, logprobs[start:stop]))
        start = stop
    return padded


def _compute_group_logprobs(
    model: PreTrainedModel, group: ActionGroup, temperature: float
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
    scaled = _widen(logits) / temperature
    chosen = scaled.gather(-1, actions[..., None]).squeeze(-1)
    return torch.where(is_action, chosen - torch.logsumexp(scaled, dim=-1), 0.0)


def pad_actions(
    group: ActionGroup, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Action tokens [num_actions, max_action_tokens], and True where one stands."""
    width = group.max_action_tokens
    rows = [[*action, *[0] * (width - len(action))] for action in group.actions]
    lengths = torch.tensor([len(action) for action in group.actions], device=device)
    columns = torch.arange(width, device=device)
    return torch.tensor(rows, device=device), columns < lengths[:, None]


def _widen(logits: torch.Tensor) -> torch.Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
