import pytest
import torch

from pivotrl_pipeline.policies.fused_attention import (
    CPUFlash,
    GPUFlash,
    find_fused_kernel,
    try_kernel,
)
from pivotrl_pipeline.policies.plain_attention import Block

CPU = torch.device("cpu")


class WrongLse(CPUFlash):
    """A kernel whose log-sum-exp is in another unit."""

    def attend(
        self, queries: torch.Tensor, block: Block, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        out, lse = super().attend(queries, block, scale)
        return out, lse / 0.6931


class WrongGradient(CPUFlash):
    """A kernel that forgets that its keys are only a part."""

    def attend_backward(
        self,
        grad: torch.Tensor,
        queries: torch.Tensor,
        block: Block,
        out: torch.Tensor,
        lse: torch.Tensor,
        scale: float,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        own_out, own_lse = self.attend(queries, block, scale)
        return super().attend_backward(grad, queries, block, own_out, own_lse, scale)


@pytest.mark.parametrize("dim", [8, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_kernel_that_agrees_with_plain_torch_is_used(
    dtype: torch.dtype, dim: int
) -> None:
    assert try_kernel(CPUFlash(), CPU, dtype, dim)


@pytest.mark.parametrize("kernel", [WrongLse(), WrongGradient()])
def test_a_kernel_that_differs_is_not_used(
    kernel: CPUFlash, caplog: pytest.LogCaptureFixture
) -> None:
    assert not try_kernel(kernel, CPU, torch.bfloat16, 8)
    assert "it is off by" in caplog.text


def test_a_kernel_that_the_device_lacks_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert not try_kernel(GPUFlash(), CPU, torch.bfloat16, 8)
    assert "The fused attention of cpu in torch.bfloat16" in caplog.text


def test_a_soft_cap_has_no_fused_kernel() -> None:
    queries = torch.zeros(1, 2, 3, 8)
    block = Block(queries, queries)

    assert find_fused_kernel(queries, block, 5.0) is None
    assert isinstance(find_fused_kernel(queries, block, None), CPUFlash)
