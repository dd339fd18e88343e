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
from pivotrl_pipeline.policies.projection import Chosen, compute_chosen_logprobs
from pivotrl_pipeline.policies.sharing import (
    Sharing,
    find_base_model,
    find_sharing,
    make_tree_inputs,
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
    kept, rows = np.unique(places, return_inverse=True)
    device = model.device
    attention = PackedAttention(tree, device=device, dtype=find_base_model(model).dtype)
    chosen = Chosen(
        torch.from_numpy(kept).to(device),
        torch.from_numpy(rows).to(device),
        _join_actions(actions, device),
    )
    logprobs = compute_chosen_logprobs(
        model,
        make_tree_inputs(model, tree, attention),
        chosen,
        temperature=temperature,
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


def _join_actions(
    actions: Sequence[Sequence[int]], device: torch.device
) -> torch.Tensor:
    tokens = [token for action in actions for token in action]
    return torch.tensor(tokens, device=device)


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
    token_ids = torch.cat([prompts, actions[:, :-1]], dim=1)
    chosen = Chosen(
        torch.arange(num_prompt - 1, num_prompt - 1 + width, device=device),
        is_action.flatten().nonzero().squeeze(1),
        _join_actions(group.actions, device),
    )
    logprobs = compute_chosen_logprobs(
        model,
        {"input_ids": token_ids, "use_cache": False},
        chosen,
        temperature=temperature,
    )
    return _pad(logprobs, [group])[0]


def pad_actions(
    group: ActionGroup, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Action tokens [num_actions, max_action_tokens], and True where one stands."""
    width = group.max_action_tokens
    rows = [[*action, *[0] * (width - len(action))] for action in group.actions]
    lengths = torch.tensor([len(action) for action in group.actions], device=device)
    columns = torch.arange(width, device=device)
    return torch.tensor(rows, device=device), columns < lengths[:, None]
