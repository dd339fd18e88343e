"""Catalog entries, read from their configuration without creating the datasets.

Creating a dataset imports its library; a run with nothing to do should import none.
An entry tells where the data lies, which settings change what is loaded or saved, and
what the current content is.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kedro.io import AbstractDataset, CatalogProtocol
from kedro.io.core import is_parameter

from .values import UnstableValueError, digest_value

Kind = Literal["parameter", "memory", "file", "remote", "fingerprint", "opaque"]

_LOCATION_KEYS = frozenset(
    {"type", "filepath", "path", "credentials", "fs_args", "metadata", "versioned"}
    | {"version", "validator"}
)
_OPEN_KEYS = frozenset({"open_args_load", "open_args_save"})
_URL = re.compile(r"^(?P<protocol>[a-z][a-z0-9+.-]+)://")


@dataclass(frozen=True)
class Entry:
    """One dataset as the catalog configures it."""

    name: str
    kind: Kind
    class_path: str = ""
    """As configured, such as ``pandas.ParquetDataset``."""
    location: str = ""
    """A local path, a URL, or nothing."""
    is_versioned: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Constructor arguments that can change what is loaded or saved."""
    validator: Any = None

    @property
    def is_stored(self) -> bool:
        """Whether the data outlives the process."""
        return self.kind not in {"memory", "parameter"}

    @property
    def path(self) -> Path:
        """Where a ``file`` entry lies."""
        return Path(self.location)

    def loading_digest(self) -> str:
        """Digest of the settings that can change what is loaded."""
        return self._settings({"save_args", "open_args_save"})

    def saving_digest(self) -> str:
        """Digest of the settings that can change what is saved."""
        return self._settings({"load_args", "open_args_load"})

    def _settings(self, ignored: set[str]) -> str:
        given = {k: v for k, v in self.arguments.items() if k not in ignored}
        kept = {k: v for k, v in given.items() if v is not None and v != {}}
        return digest_value([self.class_path, self.is_versioned, kept, self.validator])


class Entries:
    """The entries of one catalog, by dataset name."""

    def __init__(
        self,
        catalog: CatalogProtocol[Any, Any],
        has_fingerprint: Callable[[str], bool],
    ) -> None:
        """``has_fingerprint`` tells whether a configured class has that method."""
        self._catalog = catalog
        self._has_fingerprint = has_fingerprint
        self._known: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def lie_below(self, folder: Path) -> bool:
        """Whether any entry, or pattern of entries, lies inside the folder."""
        resolver: Any = self._catalog.config_resolver  # type: ignore[attr-defined]
        patterns = map(resolver._get_pattern_config, resolver.list_patterns())
        locations = [
            *(self[name].location for name in self._catalog),
            *(str(found.get("filepath") or found.get("path")) for found in patterns),
        ]
        real = Path(os.path.realpath(folder))
        return any(
            real in Path(os.path.realpath(location)).parents
            for location in locations
            if location and not _URL.match(location)
        )

    def _read(self, name: str) -> Entry:
        if is_parameter(name):
            return Entry(name, "parameter")
        config = self._config(name)
        kind = config["type"]
        class_path = _short(kind if isinstance(kind, str) else _path_of(kind))
        if class_path.rpartition(".")[2] in {"MemoryDataset", "SharedMemoryDataset"}:
            return Entry(name, "memory", class_path)
        if class_path.rpartition(".")[2] == "CachedDataset":
            config = {**_inner(config["dataset"]), "validator": config.get("validator")}
            class_path = _short(str(config["type"]))
        location = str(config.get("filepath") or config.get("path") or "")
        return Entry(
            name=name,
            kind=self._kind(class_path, location),
            class_path=class_path,
            location=location.removeprefix("file://"),
            is_versioned=bool(config.get("versioned") or config.get("version")),
            arguments=_arguments(config),
            validator=config.get("validator"),
        )

    def _kind(self, class_path: str, location: str) -> Kind:
        if class_path.endswith("IncrementalDataset"):
            return "opaque"
        if self._has_fingerprint(class_path):
            return "fingerprint"
        if not location:
            return "opaque"
        match = _URL.match(location)
        return "remote" if match and match["protocol"] != "file" else "file"

    def _config(self, name: str) -> dict[str, Any]:
        """The entry as configured, even when its dataset has been created since."""
        catalog: Any = self._catalog
        resolver = catalog.config_resolver
        dataset = catalog._datasets.get(name)
        config = resolver.config.get(name)
        if config is None and name in catalog:
            config = (
                resolver.resolve_pattern(name) if _from_pattern(catalog, name) else None
            )
        if config is None and dataset is None:
            config = resolver.resolve_pattern(name)
        if dataset is None or (
            config and _class_name(config) == type(dataset).__name__
        ):
            return dict(config)
        spec = catalog.validator_specs.get(name)
        return {**_inner(dataset), "validator": spec and spec.to_config()}


def plain_name(name: str) -> str:
    """A dataset's name without transcoding: ``x@pandas`` and ``x@spark`` are one."""
    return name.partition("@")[0]


def _from_pattern(catalog: Any, name: str) -> bool:
    resolver = catalog.config_resolver
    return bool(
        resolver.match_dataset_pattern(name)
        or resolver.match_user_catch_all_pattern(name)
    )


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of the filesystem only how files are opened, such as their encoding."""
    opened = config.get("fs_args") or {}
    return {
        **{k: v for k, v in config.items() if k not in _LOCATION_KEYS},
        **{k: v for k, v in opened.items() if k in _OPEN_KEYS},
    }


def _class_name(config: Mapping[str, Any]) -> str:
    kind = config["type"]
    return kind.rpartition(".")[2] if isinstance(kind, str) else kind.__name__


def _inner(dataset: Any) -> dict[str, Any]:
    """Configuration of a dataset that exists, or of a ``CachedDataset``'s inner one."""
    if not isinstance(dataset, AbstractDataset):
        return dict(dataset)
    arguments = dict(getattr(dataset, "_init_args", {}))
    return {**arguments, "type": _path_of(type(dataset))}


def _short(class_path: str) -> str:
    """Without the prefixes that Kedro adds by itself."""
    return class_path.removeprefix("kedro_datasets.").removeprefix("kedro.io.")


def _path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def parameter_value(catalog: CatalogProtocol[Any, Any], name: str) -> Any:
    """The value that a node would receive for ``params:...``.

    Raises:
        UnstableValueError: If the catalog keeps it in a way that is not Kedro's.
    """
    dataset = catalog._datasets.get(name)
    if dataset is None or not hasattr(dataset, "_data"):
        raise UnstableValueError(f"{name} is not a plain parameter")
    return dataset._data
