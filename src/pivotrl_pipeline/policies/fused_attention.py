"""torch's fused attention kernels, called such that their log-sum-exp is not lost.

Flash attention (Dao 2023, arXiv:2307.08691) never holds the scores. Its operators are
not public: on a GPU one is trusted for a type and a width only after it has given
there, once, what plain torch gives, forward and backward; otherwise plain torch it is.
"""

import logging
from functools import cache
from typing import Protocol

import torch

from pivotrl_pipeline.policies.plain_attention import (
    Block,
    attend_plainly,
    attend_plainly_backward,
    repeat_heads,
    sum_repeats,
)

_logger = logging.getLogger(__name__)

_MAX_GPU_HEAD = 256
_GPU_HEAD_STEP = 8
_GPU_TYPES = (torch.float16, torch.bfloat16)
_TRIAL_TOLERANCE = 0.02
"""Of the largest value; half precision keeps two to three digits."""

Gradients = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class FusedKernel(Protocol):
    """Attention over a block, as in `kernels`, without a soft cap."""

    def attend(
        self, queries: torch.Tensor, block: Block, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output and log-sum-exp."""
        ...

    def attend_backward(
        self,
        grad: torch.Tensor,
        queries: torch.Tensor,
        block: Block,
        out: torch.Tensor,
        lse: torch.Tensor,
        scale: float,
    ) -> Gradients:
        """The block's terms of the gradients of queries, keys and values."""
        ...


class CPUFlash:
    """For any type and mask."""

    def attend(
        self, queries: torch.Tensor, block: Block, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output and log-sum-exp."""
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

    def attend_backward(
        self,
        grad: torch.Tensor,
        queries: torch.Tensor,
        block: Block,
        out: torch.Tensor,
        lse: torch.Tensor,
        scale: float,
    ) -> Gradients:
        """The block's terms of the gradients of queries, keys and values."""
        backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        grad_queries, *grads = backward(
            grad,
            queries,
            *repeat_heads(block, queries.shape[1]),
            out,
            lse,
            0.0,
            block.is_causal,
            attn_mask=block.mask,
            scale=scale,
        )
        return grad_queries, *sum_repeats(block, *grads)


class GPUFlash:
    """For half precision without a mask."""

    def attend(
        self, queries: torch.Tensor, block: Block, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output and log-sum-exp."""
        out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
            queries,
            *repeat_heads(block, queries.shape[1]),
            0.0,
            block.is_causal,
            False,
            scale=scale,
        )
        return out, lse

    def attend_backward(
        self,
        grad: torch.Tensor,
        queries: torch.Tensor,
        block: Block,
        out: torch.Tensor,
        lse: torch.Tensor,
        scale: float,
    ) -> Gradients:
        """The block's terms of the gradients of queries, keys and values."""
        unused = torch.zeros(2, dtype=torch.uint64, device=queries.device)
        backward = torch.ops.aten._scaled_dot_product_flash_attention_backward
        grad_queries, *grads = backward(
            grad.contiguous(),
            queries,
            *repeat_heads(block, queries.shape[1]),
            out,
            lse.contiguous(),  # read as if nothing lay between its rows
            None,
            None,
            queries.shape[2],
            block.keys.shape[2],
            0.0,
            block.is_causal,
            unused,
            unused,
            scale=scale,
        )
        return grad_queries, *sum_repeats(block, *grads)


_CPU_FLASH, _GPU_FLASH = CPUFlash(), GPUFlash()


def find_fused_kernel(
    queries: torch.Tensor, block: Block, softcap: float | None
) -> FusedKernel | None:
    """What computes a block without holding its scores, if anything does."""
    dim = queries.shape[-1]
    if softcap is not None or dim != block.values.shape[-1]:
        return None
    if queries.device.type == "cpu":
        return _CPU_FLASH
    is_eligible = (
        queries.device.type == "cuda"
        and block.mask is None
        and queries.dtype in _GPU_TYPES
        and dim <= _MAX_GPU_HEAD
        and dim % _GPU_HEAD_STEP == 0
    )
    if is_eligible and try_kernel(_GPU_FLASH, queries.device, queries.dtype, dim):
        return _GPU_FLASH
    return None


@cache
def try_kernel(
    kernel: FusedKernel, device: torch.device, dtype: torch.dtype, dim: int
) -> bool:
    """Whether a kernel gives what plain torch gives, which is said in the log if not.

    Two heads a key head, blocks with and without causality, fewer queries than keys,
    and an output and log-sum-exp that are of more keys than the block's.
    """
    try:
        with torch.no_grad():
            error = max(
                _try_block(kernel, device, dtype, dim, is_causal)
                for is_causal in (False, True)
            )
    except (RuntimeError, TypeError, NotImplementedError) as failure:
        reason = str(failure).partition("\n")[0]
    else:
        if error <= _TRIAL_TOLERANCE:
            return True
        reason = f"it is off by {error:.2g} of the largest value"
    _logger.warning(
        "The fused attention of %s in %s with heads of %d is not used (%s); plain "
        "torch takes its place and is slower on long prefixes.",
        device,
        dtype,
        dim,
        reason,
    )
    return False


def _try_block(
    kernel: FusedKernel,
    device: torch.device,
    dtype: torch.dtype,
    dim: int,
    is_causal: bool,
) -> float:
    """Largest error, relative to the largest value, of everything a block gives."""
    generator = torch.Generator().manual_seed(0)

    def draw(heads: int, tokens: int) -> torch.Tensor:
        drawn = torch.randn(1, tokens, heads, dim, generator=generator)
        return drawn.to(device, dtype).transpose(1, 2)

    num_keys = 40 if is_causal else 72
    queries, grad = draw(4, 40), draw(4, 40)
    block = Block(draw(2, num_keys), draw(2, num_keys), is_causal=is_causal)
    other = Block(draw(2, 24), draw(2, 24))
    scale = dim**-0.5
    out, lse = attend_plainly(queries, block, scale, None)
    other_out, other_lse = attend_plainly(queries, other, scale, None)
    whole_lse = torch.logaddexp(lse, other_lse)
    share = torch.exp(lse - whole_lse).unsqueeze(-1)
    whole_out = (out * share + other_out * (1 - share)).to(dtype)
    wanted = (
        out,
        lse,
        *attend_plainly_backward(
            grad, queries, block, whole_out, whole_lse, scale, None
        ),
    )
    found = (
        *kernel.attend(queries, block, scale),
        *kernel.attend_backward(grad, queries, block, whole_out, whole_lse, scale),
    )
    return max(
        float((one.float() - right.float()).abs().max() / right.float().abs().max())
        for one, right in zip(found, wanted, strict=True)
    )
