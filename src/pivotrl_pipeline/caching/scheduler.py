"""Runs what must run, in the order in which that becomes known.

A node is decided as soon as the contents of everything it consumes are settled: those
of a skipped node by its receipt, those of a finished one by what it wrote. So a node
that ran again and wrote the same content stops the wave. One loop serves all of Kedro's
runners; they only supply the executor.
"""

import concurrent.futures
import heapq
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from kedro.runner.task import Task

from .atomic import atomic_saves
from .decisions import Decider, Decision
from .entries import plain_name
from .progress import Progress

_MOST_RUNS = 2
_UNFINISHED = frozenset({"waiting", "run", "running", "failed"})

Finish = Callable[[Decision, float], Mapping[str, str | None]]


class AtomicTask(Task):
    """Kedro's task, with outputs replaced in one step and the time it took."""

    def __call__(self) -> float:  # type: ignore[override]
        """Seconds that loading, running and saving took."""
        started = time.perf_counter()
        with atomic_saves(self.catalog, self.node):
            self.execute()
        return time.perf_counter() - started


class Scheduler:
    """One run of one pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        decider: Decider,
        *,
        start: Callable[[Node], None],
        finish: Finish,
        restore: Callable[[Decision], None],
        progress: Progress,
    ) -> None:
        """The run's side effects come as functions.

        Args:
            pipeline: The nodes.
            catalog: Their datasets.
            decider: Decides about each node.
            start: Called before a node runs.
            finish: Called after it ran; returns the digests of its stored outputs.
            restore: Puts a node's previous outputs back; may raise ``OSError``.
            progress: Told of what happens.
        """
        self._pipeline = pipeline
        self._catalog = catalog
        self._decider = decider
        self._ports = decider.ports
        self._start = start
        self._finish = finish
        self._restore = restore
        self._progress = progress
        self._states = dict.fromkeys(pipeline.nodes, "waiting")
        self._rank = {node: rank for rank, node in enumerate(pipeline.nodes)}
        self._to_decide = list(range(len(self._rank)))
        self._to_launch: list[int] = []
        self._outdated: set[Node] = set()
        self._decisions: dict[Node, Decision] = {}
        self._settled: dict[str, str | None] = {}
        self._runs: dict[Node, int] = {}
        self._free = pipeline.inputs()
        self._producers = {
            plain_name(name): node for node in pipeline.nodes for name in node.outputs
        }
        self._consumers: dict[str, list[Node]] = {}
        for node in pipeline.nodes:
            for name in {plain_name(name) for name in node.inputs}:
                self._consumers.setdefault(name, []).append(node)

    def run(
        self,
        runner: AbstractRunner,
        hook_manager: Any,
        run_id: str | None,
        settled: Mapping[str, str | None],
    ) -> None:
        """Runs the pipeline; ``settled`` are the digests of its free inputs.

        Raises:
            Exception: What a node raised. Nodes that were running are waited for.
        """
        self._settled = dict(settled)
        workers = runner._get_required_workers_count(self._pipeline)
        pool = runner._get_executor(workers)
        with pool or nullcontext() as executor:
            running: dict[Future[float], Node] = {}
            while True:
                self._decide_ready()
                for node in self._launchable(_count_free(executor, len(running))):
                    task = self._task(node, runner, hook_manager, run_id, executor)
                    running[_submit(executor, task)] = node
                if not running:
                    break
                self._collect(running)

    def _task(
        self,
        node: Node,
        runner: AbstractRunner,
        hook_manager: Any,
        run_id: str | None,
        executor: Executor | None,
    ) -> AtomicTask:
        in_process = executor is None or isinstance(
            executor, concurrent.futures.ThreadPoolExecutor
        )
        self._states[node] = "running"
        self._start(node)
        self._progress.started(self._decisions[node])
        return AtomicTask(
            node=node,
            catalog=self._catalog,
            is_async=runner._is_async,
            hook_manager=hook_manager if in_process else None,
            run_id=run_id,
            parallel=not in_process,
        )

    def _collect(self, running: dict[Future[float], Node]) -> None:
        """Records nodes that have ended; on a failure waits for all, then raises it."""
        done, _ = concurrent.futures.wait(
            running, return_when=concurrent.futures.FIRST_COMPLETED
        )
        failed: BaseException | None = None
        while done:
            for future in done:
                node = running.pop(future)
                failed = future.exception() or failed
                if future.exception() is None:
                    self._ended(node, future.result())
                else:
                    self._states[node] = "failed"
            done = set()
            if failed is not None and running:
                done, _ = concurrent.futures.wait(running)
        if failed is not None:
            raise failed

    def _ended(self, node: Node, seconds: float) -> None:
        decision = self._decisions[node]
        self._runs[node] = self._runs.get(node, 0) + 1
        self._states[node] = "done"
        stored = self._finish(decision, seconds)
        new = {plain_name(name): digest for name, digest in stored.items()}
        new |= self._decider.settle_memory(node, decision)
        changed = {n for n in new if n in self._settled and self._settled[n] != new[n]}
        self._settled |= new
        self._progress.finished(decision, seconds)
        self._decide_again(node, changed)
        self._wake_consumers(node)
        self._release(node)
        if node in self._outdated:
            self._outdated.remove(node)
            self._wait(node)

    def _decide_again(self, node: Node, changed: set[str]) -> None:
        """A node that ran on demand wrote something else than its receipt said."""
        for consumer in (c for name in changed for c in self._consumers.get(name, [])):
            if self._runs.get(consumer, 0) >= _MOST_RUNS:
                raise RuntimeError(
                    f"Node {node.name!r} writes something else each time it runs, so "
                    f"{consumer.name!r} would never be up to date; make it "
                    "deterministic, or store all of its outputs."
                )
            if self._states[consumer] == "running":
                self._outdated.add(consumer)
            else:
                self._wait(consumer)

    def _wait(self, node: Node) -> None:
        self._states[node] = "waiting"
        heapq.heappush(self._to_decide, self._rank[node])

    def _wake_consumers(self, node: Node) -> None:
        for name in node.outputs:
            for consumer in self._consumers.get(plain_name(name), []):
                if self._states[consumer] == "waiting":
                    heapq.heappush(self._to_decide, self._rank[consumer])

    def _decide_ready(self) -> None:
        nodes = self._pipeline.nodes
        while self._to_decide:
            node = nodes[heapq.heappop(self._to_decide)]
            if self._states[node] == "waiting" and self._is_settled(node):
                self._decide(node)

    def _decide(self, node: Node) -> None:
        decision = self._decider.decide(node, self._settled)
        if decision.action == "restore":
            try:
                self._restore(decision)
            except OSError as error:
                reasons = (*decision.reasons, f"restoring failed: {error}")
                decision = Decision(node, "run", reasons, decision.recipe)
        self._decisions[node] = decision
        self._progress.decided(decision)
        self._states[node] = decision.action
        if decision.action == "run":
            heapq.heappush(self._to_launch, self._rank[node])
            self._demand(node)
            return
        self._settled |= decision.known_outputs
        self._settled |= self._decider.settle_memory(node, decision)
        self._wake_consumers(node)

    def _demand(self, node: Node) -> None:
        """Nodes whose in-memory outputs the node loads must run, too."""
        for name in self._ports.inputs(node):
            producer = self._producers.get(plain_name(name))
            if producer is None or name not in self._ports.memory_outputs(producer):
                continue
            if self._states[producer] in {"on demand", "skip", "restore"}:
                reason = f"{node.name!r} needs {name!r}, which is not stored"
                recipe = self._decisions[producer].recipe
                self._decisions[producer] = Decision(producer, "run", (reason,), recipe)
                self._progress.decided(self._decisions[producer])
                self._states[producer] = "run"
                heapq.heappush(self._to_launch, self._rank[producer])
                self._demand(producer)

    def _launchable(self, most: int | None) -> list[Node]:
        """Nodes whose inputs can be loaded now, in the pipeline's order."""
        nodes = self._pipeline.nodes
        ready: list[Node] = []
        later: list[Node] = []
        while self._to_launch and (most is None or len(ready) < most):
            rank = heapq.heappop(self._to_launch)
            if self._states[nodes[rank]] != "run" or nodes[rank] in ready:
                continue
            (ready if self._can_load(nodes[rank]) else later).append(nodes[rank])
        for node in later:
            heapq.heappush(self._to_launch, self._rank[node])
        return ready

    def _can_load(self, node: Node) -> bool:
        producers = (self._producers.get(plain_name(name)) for name in node.inputs)
        return all(
            self._states[p] not in _UNFINISHED for p in producers if p is not None
        )

    def _is_settled(self, node: Node) -> bool:
        names = (plain_name(name) for name in self._ports.inputs(node))
        return all(name in self._settled for name in names) and self._can_load(node)

    def _release(self, node: Node) -> None:
        """Frees in-memory data that no node will load any more."""
        datasets = getattr(self._catalog, "_datasets", {})
        for name in (*node.inputs, *node.outputs):
            consumers = self._consumers.get(plain_name(name), [])
            if not consumers or name in self._free or name not in datasets:
                continue
            if all(self._states[c] not in _UNFINISHED for c in consumers):
                self._catalog.release(name)


def _count_free(executor: Executor | None, num_running: int) -> int | None:
    """Workers that wait for a node, so that none is said to run while it queues;
    ``None`` where the executor does not tell."""
    if executor is None:
        return 1
    workers: int | None = getattr(executor, "_max_workers", None)
    return None if workers is None else workers - num_running


def _submit(executor: Executor | None, task: AtomicTask) -> Future[float]:
    if executor is not None:
        return executor.submit(task)
    future: Future[float] = Future()
    try:
        future.set_result(task())
    except Exception as error:  # noqa: BLE001 - re-raised by the scheduler's loop
        future.set_exception(error)
    return future
