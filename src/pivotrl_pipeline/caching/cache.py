"""One project's cache, put together for one pipeline and catalog."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from .code import Code
from .content import Contents
from .data import Data
from .decisions import Decider, Decision, EveryNode, plan
from .entries import Entries
from .memory import Memory
from .modules import Modules
from .options import CacheOptions
from .packages import Packages
from .ports import Ports
from .receipts import Receipts
from .recipe import Recipes
from .resolution import Resolver
from .store import Store


@dataclass(frozen=True)
class Project:
    """What of a project the cache must know."""

    path: Path
    package: str
    options: CacheOptions

    @property
    def folder(self) -> Path:
        """Where the cache lies."""
        return self.path / self.options.path

    @property
    def packages(self) -> list[str]:
        """Top-level packages whose source counts."""
        return list(dict.fromkeys((self.package, *self.options.packages)))


class Cache:
    """Everything that deciding about a pipeline's nodes takes."""

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        *,
        refresh: Iterable[str] = (),
        every_node: bool = False,
    ) -> None:
        """Opens the cache.

        Args:
            project: Whose cache. Without a folder nothing is remembered.
            pipeline: The nodes to decide about.
            catalog: Their datasets.
            refresh: Names of nodes that run whatever their receipts say.
            every_node: Decide that every node runs, without looking at anything.
        """
        self.project = project
        folder = project.folder
        self.memory = Memory(folder / "memory.sqlite" if folder.is_dir() else None)
        self.contents = Contents(self.memory)
        self._modules = Modules(project.packages, self.memory, self.contents)
        by_module = project.options.granularity == "module"
        resolver = Resolver(self._modules, project.options.named_imports)
        self.code = Code(
            self._modules, resolver, self.contents, self.memory, by_module=by_module
        )
        self.catalog = catalog
        self.entries = Entries(catalog, _fingerprint_test(self._modules, resolver))
        data = Data(catalog, self.entries, self.contents)
        self.ports = Ports(self.entries, data, project.path)
        self.receipts = Receipts(folder)
        limit = int(project.options.store_gigabytes * 1e9)
        self.store = Store(folder / "store", self.contents, limit)
        self.recipes = Recipes(
            catalog,
            self.entries,
            self.code,
            Packages(self.memory),
            self._modules,
            count_versions=project.options.count_versions,
        )
        self.pipeline = pipeline
        kind = EveryNode if every_node else Decider
        self.decider = kind(
            pipeline,
            self.ports,
            self.recipes,
            self.receipts,
            self.store,
            refresh=refresh,
            prefix=f"{project.package}.",
        )

    def plan(self) -> list[Decision]:
        """What a run of the pipeline would do."""
        return plan(self.pipeline, self.decider)


def _fingerprint_test(modules: Modules, resolver: Resolver) -> Callable[[str], bool]:
    """Tells whether a configured dataset class has a method ``fingerprint``."""

    def has_fingerprint(class_path: str) -> bool:
        if modules.owns(class_path):
            return "fingerprint" in resolver.methods(class_path)
        if _is_kedros(class_path):
            return False
        from kedro.utils import load_obj

        try:
            return hasattr(load_obj(class_path), "fingerprint")
        except (ImportError, AttributeError, ValueError):
            return False

    return has_fingerprint


def _is_kedros(class_path: str) -> bool:
    """Whether the class is one of kedro-datasets, found without importing it."""
    group = class_path.partition(".")[0]
    if group in {"kedro", "kedro_datasets", "kedro_datasets_experimental"}:
        return True
    spec = importlib.util.find_spec("kedro_datasets")
    folders = (spec.submodule_search_locations if spec else None) or []
    return any(Path(folder, group).is_dir() for folder in folders)
