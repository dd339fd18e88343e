"""Saving in one step: a dataset is never seen half-written.

For the time of a save, a file dataset is pointed at a hidden sibling that then replaces
the target. An exception removes the sibling and leaves the old file; a kill leaves a
hidden file that the next save of the dataset removes. A folder is replaced as a whole,
unless it holds more than the dataset's own files: then files are replaced one by one.
"""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, CatalogProtocol
from kedro.io.cached_dataset import CachedDataset
from kedro.pipeline.node import Node

from .entries import Entries
from .partial import (
    merge,
    move_companions,
    partial_path,
    remove_partial,
    remove_partials,
    replace,
)


@contextlib.contextmanager
def atomic_saves(catalog: CatalogProtocol[Any, Any], node: Node) -> Iterator[None]:
    """Makes every save of the node's outputs replace its target in one step.

    A generator node saves chunk by chunk; its targets are replaced when it has ended.
    """
    with contextlib.ExitStack() as stack:
        for name in node.outputs:
            dataset = _plain(catalog, name)
            if _can_redirect(dataset):
                if inspect.isgeneratorfunction(node.func):
                    stack.enter_context(_redirected(dataset, catalog))
                else:
                    stack.enter_context(_wrapped(dataset, catalog))
        yield


def shares_folder(catalog: CatalogProtocol[Any, Any], name: str, folder: Path) -> bool:
    """Whether the folder may hold more than what the dataset writes there."""
    return _shares(_plain(catalog, name), catalog, folder)


def writes_in_place(catalog: CatalogProtocol[Any, Any], name: str) -> bool:
    """Whether a save writes into the files that are there."""
    dataset = _plain(catalog, name)
    return not (
        getattr(type(dataset), "saves_atomically", False) or _can_redirect(dataset)
    )


def _shares(dataset: Any, catalog: CatalogProtocol[Any, Any], folder: Path) -> bool:
    """So it says of itself, or so the catalog says."""
    if getattr(dataset, "_overwrite", None) is False:
        return True
    return Entries(catalog, lambda _: False).lie_below(folder)


def _plain(catalog: CatalogProtocol[Any, Any], name: str) -> Any:
    dataset: Any = catalog.get(name, fallback_to_runtime_pattern=True)
    return dataset._dataset if isinstance(dataset, CachedDataset) else dataset


def _can_redirect(dataset: Any) -> bool:
    """Whether the dataset writes one local path, anew, and not atomically by itself."""
    path = getattr(dataset, "_filepath", None)
    if not (isinstance(path, PurePosixPath | Path) or _is_file_name(path, dataset)):
        return False
    if getattr(type(dataset), "saves_atomically", False):
        return False
    if getattr(dataset, "_protocol", "file") not in {"file", "local", ""}:
        return False
    return not _appends(dataset)


def _is_file_name(path: object, dataset: Any) -> bool:
    """A text may also be a URL, a pattern, or a table that remembers where it lies."""
    return (
        isinstance(path, str)
        and "://" not in path
        and "*" not in path
        and bool(PurePath(path).suffix)
        and not Path(path).is_dir()
        and "mode" not in (getattr(dataset, "_save_args", None) or {})
    )


def _appends(dataset: Any) -> bool:
    modes = [getattr(dataset, "_fs_open_args_save", None) or {}]
    modes.append(getattr(dataset, "_save_args", None) or {})
    return any(str(mode.get("mode", "w"))[:1] in {"a", "r"} for mode in modes)


@contextlib.contextmanager
def _wrapped(dataset: Any, catalog: CatalogProtocol[Any, Any]) -> Iterator[None]:
    kind: type[AbstractDataset[Any, Any]] = type(dataset)
    plain_save: Callable[[Any, Any], None] = getattr(
        kind.save, "__wrapped__", kind.save
    )

    def save(self: Any, data: Any) -> None:
        with _redirected(self, catalog):
            plain_save(self, data)

    checked_save = kind._save_wrapper(save)
    dataset.save = lambda data: checked_save(dataset, data)
    try:
        yield
    finally:
        del dataset.save


@contextlib.contextmanager
def _redirected(dataset: Any, catalog: CatalogProtocol[Any, Any]) -> Iterator[None]:
    """Points the dataset at a sibling of its target, then replaces the target."""
    path = dataset._filepath
    versioned = bool(getattr(dataset, "_version", None))
    target = Path(os.path.realpath(dataset._get_save_path() if versioned else path))
    remove_partials(target)
    partial = partial_path(target)
    pointed = PurePosixPath(partial.as_posix())
    if versioned:
        dataset._get_save_path = lambda: pointed
    else:
        dataset._filepath = type(path)(pointed)
    try:
        yield
        move_companions(partial, target)
        if partial.is_dir() and target.is_dir() and _shares(dataset, catalog, target):
            merge(partial, target)
        elif partial.exists():
            replace(partial, target)
    finally:
        if versioned:
            del dataset._get_save_path
        else:
            dataset._filepath = path
        remove_partial(partial)
