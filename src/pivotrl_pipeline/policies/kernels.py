"""Attention over one block of keys, such that blocks can be put together.

Softmax attention over keys A and B is the average of the attention over A and over B,
weighted by ``exp(lse_A)`` and ``exp(lse_B)``, where ``lse`` is the log-sum-exp of the
scaled scores (Dao et al. 2022, arXiv:2205.14135, section 3.1; used for shared prefixes
by Juravsky et al. 2024, "Hydragen", arXiv:2402.05099, eq. 5, and by vLLM's cascade
attention). The gradient splits in the same way: given the whole output and the whole
log-sum-exp, each block's probabilities are ``exp(score - lse)``, and each block gives
its own terms (Liu et al. 2023, "Ring Attention", arXiv:2310.01889, appendix).

Shapes: queries [batch, heads, queries, dim], keys and values [batch, key_heads, keys,
dim] where ``key_heads`` divides ``heads``, log-sum-exp [batch, heads, queries].
"""

from typing import NamedTuple

import torch

_MAX_SCORES = 1 << 24
"""Scores that the kernel in plain torch holds at once."""


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


def attend(
    queries: torch.Tensor, block: Block, scale: float, softcap: float | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over one block: output, shaped as the queries, and log-sum-exp."""
    if _has_fused_kernel(queries, block, softcap):
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            queries,
            block.keys,
            block.values,
            0.0,
            block.is_causal,
            attn_mask=block.mask,
            scale=scale,
        )
        return out, lse
    return _attend_plainly(queries, block, scale, softcap)


def attend_backward(
    grad: torch.Tensor,
    queries: torch.Tensor,
    block: Block,
    out: torch.Tensor,
    lse: torch.Tensor,
    scale: float,
    softcap: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The block's terms of the gradients of queries, keys and values.

    Args:
        grad: Of the whole output.
        queries: Of the block.
        block: One of the blocks that the queries attend to.
        out: The whole output, over all blocks.
        lse: The whole log-sum-exp, over all blocks.
        scale: Multiplies the scores.
        softcap: Scores pass through ``softcap * tanh(score / softcap)``.
    """
    if _has_fused_kernel(queries, block, softcap):
        repeats = queries.shape[1] // block.keys.shape[1]
        backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        grad_queries, grad_keys, grad_values = backward(
            grad,
            queries,
            block.keys.repeat_interleave(repeats, dim=1),
            block.values.repeat_interleave(repeats, dim=1),
            out,
            lse,
            0.0,
            block.is_causal,
            attn_mask=block.mask,
            scale=scale,
        )
        return (
            grad_queries,
            _sum_repeats(grad_keys, repeats),
            _sum_repeats(grad_values, repeats),
        )
    return _attend_plainly_backward(grad, queries, block, out, lse, scale, softcap)


def merge(
    first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over the keys of two blocks from that over each."""
    out, lse = first
    other, other_lse = second
    weight = torch.sigmoid(other_lse - lse).unsqueeze(-1).to(out.dtype)
    return torch.lerp(out, other, weight), torch.logaddexp(lse, other_lse)


def _has_fused_kernel(
    queries: torch.Tensor, block: Block, softcap: float | None
) -> bool:
    return (
        queries.device.type == "cpu"
        and softcap is None
        and queries.shape[-1] == block.values.shape[-1]
    )


def _attend_plainly(
    queries: torch.Tensor, block: Block, scale: float, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    keys, values = _repeat(block, queries.shape[1])
    outs, lses = [], []
    for rows in _split_queries(queries, keys):
        scores, _ = _score(queries, keys, block, rows, scale, softcap)
        lse = torch.logsumexp(scores, dim=-1)
        weights = torch.exp(scores - lse.unsqueeze(-1)).to(values.dtype)
        outs.append(weights @ values)
        lses.append(lse)
    return torch.cat(outs, dim=2), torch.cat(lses, dim=2)


def _attend_plainly_backward(
    grad: torch.Tensor,
    queries: torch.Tensor,
    block: Block,
    out: torch.Tensor,
    lse: torch.Tensor,
    scale: float,
    softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    keys, values = _repeat(block, queries.shape[1])
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
    repeats = queries.shape[1] // block.keys.shape[1]
    return (
        torch.cat(grad_queries, dim=2),
        _sum_repeats(grad_keys, repeats),
        _sum_repeats(grad_values, repeats),
    )


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


def _repeat(block: Block, num_heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    repeats = num_heads // block.keys.shape[1]
    if repeats == 1:
        return block.keys, block.values
    return (
        block.keys.repeat_interleave(repeats, dim=1),
        block.values.repeat_interleave(repeats, dim=1),
    )


def _sum_repeats(grad: torch.Tensor, repeats: int) -> torch.Tensor:
    """Over the heads that share a key head: the inverse of repeating it."""
    batch, heads, tokens, dim = grad.shape
    return grad.view(batch, heads // repeats, repeats, tokens, dim).sum(2)


def _split_queries(queries: torch.Tensor, keys: torch.Tensor) -> list[slice]:
    batch, heads, num_queries, _ = queries.shape
    rows = max(1, _MAX_SCORES // (batch * heads * keys.shape[2]))
    return [
        slice(start, min(start + rows, num_queries))
        for start in range(0, num_queries, rows)
    ]
