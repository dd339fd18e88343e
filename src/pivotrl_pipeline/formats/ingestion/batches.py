"""Rows in batches, converted by as many processes as pay for themselves."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

from pivotrl_pipeline.formats.base import RawRow
from pivotrl_pipeline.formats.ingestion.tables import ConvertedBatch
from pivotrl_pipeline.records.stored_batches import BatchFile

Convert: TypeAlias = Callable[[list[RawRow]], ConvertedBatch]

MAX_BATCH_ROWS = 256
MAX_BATCH_BYTES = 2 * 2**20
SERIAL_BYTES = 64 * 2**20
"""Text converted before other processes are started, which takes about a second."""


def convert_batches(
    rows: Iterable[RawRow], convert: Convert, folder: Path
) -> Iterator[ConvertedBatch]:
    """What ``convert`` makes of each batch, in the order of the rows.

    Text is parsed by other processes once there is much of it; rows that are parsed
    already stay here, since sending them would cost what converting them does.

    Args:
        rows: Any number; only a few batches of them are held at a time.
        convert: Can be sent to another process.
        folder: Where other processes leave their pieces of the tables, which may be
            more than fits into memory.
    """
    batches = _batch(rows)
    num_bytes = 0
    for batch in batches:
        size = sum(map(_size, batch))
        num_bytes += size
        if size and num_bytes > SERIAL_BYTES and (count := _count_processors()) > 1:
            store = partial(_convert_and_store, convert=convert, folder=folder)
            yield from _convert_elsewhere(chain([batch], batches), store, count)
            return
        yield convert(batch)


def _convert_elsewhere(
    batches: Iterable[list[RawRow]], convert: Convert, num_processes: int
) -> Iterator[ConvertedBatch]:
    pending: deque[Future[ConvertedBatch]] = deque()
    # Forking a process that has threads, as Arrow's, may hang.
    context = get_context("spawn")
    with ProcessPoolExecutor(num_processes, mp_context=context) as pool:
        for batch in batches:
            pending.append(pool.submit(convert, batch))
            if len(pending) > 2 * num_processes:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _convert_and_store(
    rows: list[RawRow], *, convert: Convert, folder: Path
) -> ConvertedBatch:
    batch = convert(rows)
    trajectories, pivot_candidates = _open_files(folder)
    return replace(
        batch,
        trajectories=trajectories.append(batch.trajectories),
        pivot_candidates=pivot_candidates.append(batch.pivot_candidates),
    )


@cache
def _open_files(folder: Path) -> tuple[BatchFile, BatchFile]:
    """This process's own, for the two tables."""
    own = folder / str(os.getpid())
    own.mkdir()
    return BatchFile(own / "trajectories"), BatchFile(own / "pivot_candidates")


def _batch(rows: Iterable[RawRow]) -> Iterator[list[RawRow]]:
    batch: list[RawRow] = []
    num_bytes = 0
    for row in rows:
        batch.append(row)
        num_bytes += _size(row)
        if len(batch) == MAX_BATCH_ROWS or num_bytes >= MAX_BATCH_BYTES:
            yield batch
            batch, num_bytes = [], 0
    if batch:
        yield batch


def _size(row: RawRow) -> int:
    """Bytes of text still to be parsed."""
    return len(row.content) if isinstance(row.content, bytes) else 0


def _count_processors() -> int:
    """Those this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
