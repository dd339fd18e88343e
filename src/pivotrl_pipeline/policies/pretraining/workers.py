"""Several processes that make each update together.

Each takes every n-th document of a batch, all add up their gradients in shared memory
and all take the same step. With matrices this small, threads wait for each other at
every operation; processes wait once an update.
"""

from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import PolicyError

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    import torch

_TIMEOUT_SECONDS = 600.0


class Workgroup:
    """One process' place among those that sum their values."""

    def __init__(self, rows: "torch.Tensor", barrier: "Barrier", rank: int) -> None:
        """Joins a group.

        Args:
            rows: float32, shape [worker, value], in memory that all share.
            barrier: Of as many parties as there are rows.
            rank: The row of this worker, 0-based.
        """
        self._rows = rows
        self._barrier = barrier
        self.rank = rank

    @property
    def size(self) -> int:
        """Number of workers."""
        return int(self._rows.shape[0])

    def sum(self, values: "torch.Tensor") -> "torch.Tensor":
        """The sum over all workers, added in the order of their ranks.

        Raises:
            PolicyError: If another worker has ended or does not answer.
        """
        from threading import BrokenBarrierError

        try:
            self._rows[self.rank].copy_(values)
            self._barrier.wait(_TIMEOUT_SECONDS)
            total = self._rows.sum(dim=0)
            self._barrier.wait(_TIMEOUT_SECONDS)
        except BrokenBarrierError as error:
            raise PolicyError(
                f"Worker {self.rank} of pretraining waited {_TIMEOUT_SECONDS:.0f} s "
                f"for the others in vain; see their output above, then run it again."
            ) from error
        return total


def make_workgroups(num_workers: int, num_values: int) -> list[Workgroup]:
    """A place for each worker; hand all but the first to spawned processes."""
    import torch
    from torch.multiprocessing import get_context

    rows = torch.zeros(num_workers, num_values)
    rows.share_memory_()  # type: ignore[no-untyped-call]
    barrier = get_context("spawn").Barrier(num_workers)
    return [Workgroup(rows, barrier, rank) for rank in range(num_workers)]
