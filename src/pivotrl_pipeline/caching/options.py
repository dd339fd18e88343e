"""How a run is cached: the project's ``cache.yml`` and the command line."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

_KINDS: dict[str, tuple[Any, str]] = {
    "enabled": (bool, "true or false"),
    "path": (str, "a folder"),
    "count_versions": (bool, "true or false"),
    "store_gigabytes": (int | float, "a number of gigabytes"),
}


@dataclass(frozen=True)
class CacheOptions:
    """What ``conf/<env>/cache.yml`` may set below its key ``cache``."""

    enabled: bool = True
    path: str = ".kedro_cache"
    """Folder of receipts and previous outputs, relative to the project."""
    packages: tuple[str, ...] = ()
    """Further packages whose source counts, besides the project's own."""
    named_imports: tuple[str, ...] = ()
    """Functions, as ``package.module.name``, that import only what a parameter of their
    node names. Any other import by a computed name makes the whole project count."""
    granularity: Literal["symbol", "module"] = "symbol"
    """Whether editing a file touches who uses the edited symbol, or the file."""
    count_versions: bool = True
    """Whether another version of a package that a node mentions reruns it."""
    store_gigabytes: float = 5.0
    """Bound on previous outputs; 0 keeps none."""

    def __post_init__(self) -> None:
        for name, (kind, expected) in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (kind is not bool and value is True):
                raise ValueError(f"cache.{name} is {value!r}; expected {expected}.")
        if self.granularity not in {"symbol", "module"}:
            raise ValueError(
                f"cache.granularity is {self.granularity!r}; "
                "choose from: module, symbol."
            )
        for name in ("packages", "named_imports"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        for package in self.packages:
            if not package.isidentifier() or find_spec(package) is None:
                raise ValueError(
                    f"cache.packages names {package!r}, which is no top-level package "
                    "that can be found; correct it or put its folder on PYTHONPATH."
                )


def _names(option: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(name, str) for name in value
    ):
        raise ValueError(
            f"cache.{option} is {value!r}; write a list of names, such as [name]."
        )
    return tuple(value)


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks of one run."""

    no_cache: bool = False
    refresh: tuple[str, ...] = ()
    """Nodes that run whatever their receipts say, or ``("all",)``."""
    verify: bool = False
    """Hash every file again instead of trusting sizes and times."""


_RUN_OPTIONS: ContextVar[RunOptions | None] = ContextVar("run_options", default=None)


def run_options() -> RunOptions:
    """The options of the run that is being made."""
    return _RUN_OPTIONS.get() or RunOptions()


@contextlib.contextmanager
def use_run_options(options: RunOptions) -> Iterator[None]:
    """Makes these the options of runs made inside the block."""
    token = _RUN_OPTIONS.set(options)
    try:
        yield
    finally:
        _RUN_OPTIONS.reset(token)


def load_cache_options(config_loader: Any) -> CacheOptions:
    """The options of ``cache.yml``; the defaults where a project has none.

    Raises:
        ValueError: If the file names an option that does not exist.
    """
    from kedro.config import MissingConfigException

    patterns = getattr(config_loader, "config_patterns", None)
    if patterns is not None:
        patterns.setdefault("cache", ["cache*", "cache*/**", "**/cache*"])
    try:
        found: Any = config_loader["cache"]
    except (MissingConfigException, KeyError):
        return CacheOptions()
    section = (found.get("cache") if isinstance(found, Mapping) else None) or {}
    if not isinstance(section, Mapping):
        raise ValueError(
            f"cache.yml has {section!r} below its key cache; expected options, such as "
            "store_gigabytes: 5."
        )
    known = {option.name for option in dataclasses.fields(CacheOptions)}
    unknown = sorted(set(section) - known)
    if unknown:
        raise ValueError(
            f"cache.yml sets {unknown[0]!r}; choose from: {', '.join(sorted(known))}."
        )
    return CacheOptions(**section)
