"""A run with the cache: plan, lock, run what must run, record it."""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from kedro.framework.hooks.manager import _NullPluginManager
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner

from .cache import Cache, Project
from .collection import resume_collection
from .data import MISSING
from .decisions import Decision, settle_inputs
from .entries import plain_name
from .locking import exclusive
from .options import RunOptions
from .partial import remove_partials
from .report import Report, log_outcome, log_plan

logger = logging.getLogger(__name__)


class CachedRun:
    """One run of one pipeline."""

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        options: RunOptions,
        *,
        loaded_nanoseconds: int,
    ) -> None:
        """``loaded_nanoseconds`` is when the project's code was imported."""
        self._project = project
        self._pipeline = pipeline
        self._catalog = catalog
        self._options = options
        self._loaded_nanoseconds = loaded_nanoseconds
        self._run_id = ""

    def execute(
        self, runner: AbstractRunner, hook_manager: Any, run_id: str | None
    ) -> None:
        """Runs, skips or restores every node of the pipeline.

        Raises:
            ValueError: If the pipeline needs a dataset that the catalog lacks, or
                the node to be refreshed does not exist.
            Exception: What a node raised.
        """
        _check_inputs(self._pipeline, self._catalog)
        _check_refresh(self._pipeline, self._options.refresh)
        self._run_id = run_id or ""
        if not self._make_folder():
            with self._locked():
                self._run_every_node(runner, hook_manager)
            return
        cache = self._open()
        decisions = cache.plan()
        try:
            if all(d.action in {"skip", "on demand"} for d in decisions):
                log_plan(decisions)
                log_outcome(decisions, {})
                self._forget_interruptions(cache)
                return
            with exclusive(self._project.folder) as waited:
                decisions = cache.plan() if waited else decisions
                log_plan(decisions)
                self._run(cache, decisions, runner, hook_manager)
        finally:
            cache.memory.close()

    def _make_folder(self) -> bool:
        """Whether the run is cached: asked for, and with a folder to write to."""
        if self._options.no_cache or not self._project.options.enabled:
            return False
        folder = self._project.folder
        problem = f"{folder} cannot be written to"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = str(error)
        if folder.is_dir() and os.access(folder, os.W_OK):
            return True
        logger.warning("Running every node, without the cache: %s", problem)
        return False

    def _locked(self) -> AbstractContextManager[object]:
        """Keeps runs that record what they find from finding what this one writes."""
        folder = self._project.folder
        can_lock = folder.is_dir() and os.access(folder, os.W_OK)
        return exclusive(folder) if can_lock else nullcontext()

    def _open(self) -> Cache:
        cache = Cache(
            self._project, self._pipeline, self._catalog, refresh=self._options.refresh
        )
        if self._options.verify:
            cache.memory.forget_files()
        return cache

    def _run(
        self,
        cache: Cache,
        decisions: list[Decision],
        runner: AbstractRunner,
        hook_manager: Any,
    ) -> None:
        from .recorder import Recorder
        from .scheduler import Scheduler

        resume_collection()
        self._tidy(cache)
        self._prepare(cache, runner, decisions)
        report = Report()
        recorder = Recorder(cache, self._run_id, self._loaded_nanoseconds)

        def start(node: Node) -> None:
            recorder.start(node)
            self._tell_code(node, cache)

        scheduler = Scheduler(
            self._pipeline,
            self._catalog,
            cache.decider,
            start=start,
            finish=recorder.finish,
            restore=recorder.restore,
            progress=report,
        )
        settled = settle_inputs(self._pipeline, cache.ports)
        try:
            if self._load_missing(decisions, settled):
                settled = settle_inputs(self._pipeline, cache.ports)
            scheduler.run(runner, _or_null(hook_manager), self._run_id, settled)
        except Exception:
            recorder.clear_marks()
            report.log_failure(recorder.recorded)
            raise
        self._forget_interruptions(cache)
        cache.store.shrink()
        report.log_summary()

    def _run_every_node(self, runner: AbstractRunner, hook_manager: Any) -> None:
        """Runs without reading or writing receipts; saves stay atomic."""
        from .scheduler import Scheduler

        resume_collection()
        cache = Cache(self._project, self._pipeline, self._catalog, every_node=True)
        self._prepare(cache, runner, cache.plan())
        report = Report()
        scheduler = Scheduler(
            self._pipeline,
            self._catalog,
            cache.decider,
            start=lambda node: self._tell_code(node, cache),
            finish=lambda decision, seconds: dict.fromkeys(decision.node.outputs),
            restore=lambda decision: None,
            progress=report,
        )
        settled = {plain_name(name): None for name in self._pipeline.inputs()}
        try:
            scheduler.run(runner, _or_null(hook_manager), self._run_id, settled)
        except Exception:
            report.log_failure(())
            raise
        report.log_summary()

    def _tell_code(self, node: Node, cache: Cache) -> None:
        from .unfinished import tell_code

        tell_code(node, cache, loaded_nanoseconds=self._loaded_nanoseconds)

    def _prepare(
        self, cache: Cache, runner: AbstractRunner, decisions: Iterable[Decision]
    ) -> None:
        """Creates the datasets that may be needed, and lets the runner check them."""
        for decision in decisions:
            for name in (*decision.node.inputs, *decision.node.outputs):
                if decision.action != "skip" or not cache.ports.is_stored(name):
                    self._catalog.get(name, fallback_to_runtime_pattern=True)
        runner._validate_catalog(self._catalog)
        runner._validate_nodes(self._pipeline.nodes)
        runner._set_manager_datasets(self._catalog)

    def _load_missing(
        self, decisions: Iterable[Decision], settled: Mapping[str, str | None]
    ) -> bool:
        """Lets inputs that are not there say so, or be fetched, before any node runs.

        Returns:
            Whether there were any.
        """
        names = {n for d in decisions if d.action == "run" for n in d.node.inputs}
        missing = [n for n in sorted(names) if settled.get(plain_name(n)) == MISSING]
        for name in missing:
            self._catalog.load(name)
        return bool(missing)

    def _forget_interruptions(self, cache: Cache) -> None:
        """Now that every node is up to date, what killed runs left is mended."""
        if cache.receipts.interrupted():
            for node in self._pipeline.nodes:
                cache.receipts.clear_running(cache.ports.key(node))

    def _tidy(self, cache: Cache) -> None:
        """Removes what killed runs left half-written, and tells of their outputs."""
        interrupted = cache.receipts.interrupted()
        made = {
            location
            for node in self._pipeline.nodes
            for location in cache.ports.locations(node)
        }
        for location in interrupted:
            remove_partials(self._project.path / location)
        for name in sorted(self._pipeline.inputs()):
            location = cache.ports.location(name)
            if location in interrupted and location not in made:
                logger.warning(
                    "%r may be incomplete: node %r was interrupted while writing it; "
                    "run that node first.",
                    name,
                    interrupted[location],
                )


def _check_inputs(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    unsatisfied = sorted(name for name in pipeline.inputs() if name not in catalog)
    if unsatisfied:
        raise ValueError(
            f"Pipeline input(s) {set(unsatisfied)} not found in the "
            f"{type(catalog).__name__}"
        )


def _check_refresh(pipeline: Pipeline, refresh: Iterable[str]) -> None:
    names = {node.name for node in pipeline.nodes}
    unknown = sorted(set(refresh) - names - {"all"})
    if unknown:
        raise ValueError(
            f"--refresh names {unknown[0]!r}, which is no node of this run; "
            f"choose from: all, {', '.join(sorted(names))}."
        )


def _or_null(hook_manager: Any) -> Any:
    return hook_manager or _NullPluginManager()
