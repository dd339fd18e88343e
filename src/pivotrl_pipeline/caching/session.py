"""A Kedro session whose runs skip what is unchanged.

``SESSION_CLASS = CachingSession`` in ``settings.py`` is the only switch. The session
replaces ``run`` on the runner *object*: the runner's class stays what it is, because
Kedro chooses the catalog by it and Kedro-Viz records runs by it.
"""

import functools
import inspect
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kedro.framework.session import KedroSession
from kedro.runner import (
    AbstractRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

from .collection import resume_collection
from .options import load_cache_options, run_options

if TYPE_CHECKING:
    from .cache import Project

LOADED_NANOSECONDS = time.time_ns()
"""When the project's code was loaded: this module is imported with its settings."""

_CACHED_RUNNERS = (SequentialRunner, ThreadRunner, ParallelRunner)


class CachingSession(KedroSession):
    """Runs the nodes whose result could differ, and only those."""

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Runs pipelines as ``KedroSession.run`` does, without what is unchanged.

        Returns:
            The free outputs by name, as datasets.
        """
        arguments = inspect.signature(super().run).bind(*args, **kwargs).arguments
        name = arguments.pop("pipeline_name", None)
        if name is not None:  # the deprecated spelling, without its warning
            arguments["pipeline_names"] = [name]
        runner = arguments.get("runner") or SequentialRunner()
        if _can_cache(runner):
            run_cached: Any = functools.partial(self._run_cached, runner)
            runner.__dict__["run"] = run_cached
        else:
            resume_collection()
        return super().run(**{**arguments, "runner": runner})

    def load_context(self) -> Any:
        """The project's context, kept for its configuration."""
        from kedro.io import DataCatalog

        from .fast_yaml import read_with_libyaml
        from .light_catalog import light

        context = super().load_context()
        read_with_libyaml(context.config_loader)
        get_catalog = context._get_catalog

        def get_light(catalog_class: type = DataCatalog, **versions: Any) -> Any:
            return get_catalog(catalog_class=light(catalog_class), **versions)

        context.__dict__["_get_catalog"] = get_light
        self._context = context
        return context

    def _run_cached(
        self,
        runner: AbstractRunner,
        pipeline: Any,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> Mapping[str, Any]:
        from .engine import CachedRun

        if only_missing_outputs:
            pipeline = runner._filter_pipeline_for_missing_outputs(pipeline, catalog)
        run = CachedRun(
            self.cached_project(),
            pipeline,
            catalog,
            run_options(),
            loaded_nanoseconds=LOADED_NANOSECONDS,
        )
        run.execute(runner, hook_manager, run_id)
        return Outputs(pipeline.outputs(), catalog)

    def cached_project(self) -> "Project":
        """What of the project the cache must know; needs a loaded context."""
        from .cache import Project

        options = load_cache_options(self._context.config_loader)
        return Project(self._project_path, self._package_name or "", options)


class Outputs(Mapping[str, Any]):
    """Datasets by name, created when asked for."""

    def __init__(self, names: Iterable[str], catalog: Any) -> None:
        self._names = sorted(names)
        self._catalog = catalog

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._catalog.get(name, fallback_to_runtime_pattern=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _can_cache(runner: Any) -> bool:
    """Whether the runner is Kedro's own, or says that it works with caching."""
    return isinstance(runner, AbstractRunner) and (
        type(runner) in _CACHED_RUNNERS or getattr(runner, "supports_caching", False)
    )
