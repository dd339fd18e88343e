"""Attention over one block of keys in plain torch, for any device, type and mask.

Scores are held some queries at a time. Shapes are those of `kernels`.
"""

from typing import NamedTuple

import torch

_MAX_SCORES = 1 << 24
"""Held at once."""


class Block(NamedTuple):
    """Keys and values, and how the queries see them."""

    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor | None = None
    """Added to the scores, broadcastable to [batch, heads, queries, keys]; finite, so
    that a query which sees no key of the block still has a number."""
    is_causal: bool = False
    """Query i sees keys 0 to i; there are as many keys as queries."""


def masked_score(dtype: torch.dtype) -> float:
    """Added to a score that does not count: finite, and lost beside any other."""
    return -6e4 if dtype == torch.float16 else -1e30


def attend_plainly(
    queries: torch.Tensor, block: Block, scale: float, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `kernels.attend`."""
    keys, values = repeat_heads(block, queries.shape[1])
    outs, lses = [], []
    for rows in _split_queries(queries, keys):
        scores, _ = _score(queries, keys, block, rows, scale, softcap)
        lse = torch.logsumexp(scores, dim=-1)
        weights = torch.exp(scores - lse.unsqueeze(-1)).to(values.dtype)
        outs.append(weights @ values)
        lses.append(lse)
    return torch.cat(outs, dim=2), torch.cat(lses, dim=2)


def attend_plainly_backward(
    grad: torch.Tensor,
    queries: torch.Tensor,
    block: Block,
    out: torch.Tensor,
    lse: torch.Tensor,
    scale: float,
    softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As `kernels.attend_backward`."""
    keys, values = repeat_heads(block, queries.shape[1])
    wide = lse.dtype
    grad_keys = torch.zeros_like(keys, dtype=wide)
    grad_values = torch.zeros_like(values, dtype=wide)
    grad_queries = []
    for rows in _split_queries(queries, keys):
        scores, slope = _score(queries, keys, block, rows, scale, softcap)
        weights = torch.exp(scores - lse[:, :, rows].unsqueeze(-1))
        grad_rows = grad[:, :, rows].to(wide)
        grad_values += weights.mT @ grad_rows
        mean = (grad_rows * out[:, :, rows]).sum(-1, keepdim=True)
        grad_scores = weights * (grad_rows @ values.to(wide).mT - mean) * scale
        if slope is not None:
            grad_scores = grad_scores * slope
        grad_queries.append(grad_scores @ keys.to(wide))
        grad_keys += grad_scores.mT @ queries[:, :, rows].to(wide)
    return torch.cat(grad_queries, dim=2), *sum_repeats(block, grad_keys, grad_values)


def _score(
    queries: torch.Tensor,
    keys: torch.Tensor,
    block: Block,
    rows: slice,
    scale: float,
    softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Scores of some queries, at least in float32, and the slope of the soft cap."""
    scores = queries[:, :, rows] @ keys.mT
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * scale
    slope = None
    if softcap is not None:
        bent = torch.tanh(scores / softcap)
        scores, slope = bent * softcap, 1 - bent**2
    if block.mask is not None:
        mask = block.mask
        scores = scores + (mask[..., rows, :] if mask.shape[-2] > 1 else mask)
    if block.is_causal:
        number = torch.arange(keys.shape[2], device=keys.device)
        hidden = number > number[rows, None]
        scores = scores.masked_fill(hidden, masked_score(scores.dtype))
    return scores, slope


def repeat_heads(block: Block, num_heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values, one head for each head of the queries."""
    repeats = num_heads // block.keys.shape[1]
    if repeats == 1:
        return block.keys, block.values
    return (
        block.keys.repeat_interleave(repeats, dim=1),
        block.values.repeat_interleave(repeats, dim=1),
    )


def sum_repeats(
    block: Block, grad_keys: torch.Tensor, grad_values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of the block's keys and values from those of `repeat_heads`."""
    num_heads = block.keys.shape[1]

    def add(grad: torch.Tensor) -> torch.Tensor:
        batch, repeated, tokens, dim = grad.shape
        return grad.view(batch, num_heads, repeated // num_heads, tokens, dim).sum(2)

    return add(grad_keys), add(grad_values)


def _split_queries(queries: torch.Tensor, keys: torch.Tensor) -> list[slice]:
    batch, heads, num_queries, _ = queries.shape
    rows = max(1, _MAX_SCORES // (batch * heads * keys.shape[2]))
    return [
        slice(start, min(start + rows, num_queries))
        for start in range(0, num_queries, rows)
    ]
