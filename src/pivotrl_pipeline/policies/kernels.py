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

import torch

from pivotrl_pipeline.policies.fused_attention import find_fused_kernel
from pivotrl_pipeline.policies.plain_attention import (
    Block,
    attend_plainly,
    attend_plainly_backward,
)


def attend(
    queries: torch.Tensor, block: Block, scale: float, softcap: float | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over one block: output, shaped as the queries, and log-sum-exp."""
    fused = find_fused_kernel(queries, block, softcap)
    if fused is not None:
        return fused.attend(queries, block, scale)
    return attend_plainly(queries, block, scale, softcap)


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
    fused = find_fused_kernel(queries, block, softcap)
    if fused is not None:
        return fused.attend_backward(grad, queries, block, out, lse, scale)
    return attend_plainly_backward(grad, queries, block, out, lse, scale, softcap)


def merge(
    first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over the keys of two blocks from that over each."""
    out, lse = first
    other, other_lse = second
    weight = torch.sigmoid(other_lse - lse).unsqueeze(-1).to(out.dtype)
    return torch.lerp(out, other, weight), torch.logaddexp(lse, other_lse)
