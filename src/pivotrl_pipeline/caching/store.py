"""A bounded store of previous outputs, addressed by content.

What a recipe once produced comes back when the recipe does: a parameter flipped there
and back costs a few links. Objects are hard links to the outputs where the filesystem
has them, so what is current costs no space; every object is checked before it is used,
because an output edited in place takes its linked object along. An output that its own
dataset writes in place is copied.
"""

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .content import Contents
from .partial import partial_path, remove, replace
from .receipts import Receipt, read_json, receipt_from, write_json

Bring = Callable[[Path, Path], object]
"""Makes the content of one file another's, by a link or a copy."""


@dataclass(frozen=True)
class Kept:
    """One finished run of a node whose outputs are in the store."""

    receipt: Receipt
    files: Mapping[str, Mapping[str, str]]
    """Dataset name → relative path (``""`` for a single file) → digest."""


class Store:
    """Previous outputs below one folder."""

    def __init__(self, folder: Path, contents: Contents, limit_bytes: int) -> None:
        self._objects = folder / "objects"
        self._entries = folder / "previous"
        self._contents = contents
        self._limit = limit_bytes

    def keep(
        self,
        key: str,
        receipt: Receipt,
        paths: Mapping[str, Path],
        *,
        in_place: Collection[str] = (),
    ) -> None:
        """Keeps a node's outputs, unless they alone exceed the limit.

        Args:
            key: Of the node's receipt.
            receipt: Of the run that made the outputs.
            paths: Dataset name → where the output lies.
            in_place: Datasets whose next save writes into the files that are there.
        """
        if (
            self._limit <= 0
            or sum(_size(path) for path in paths.values()) > self._limit
        ):
            return
        files = {name: self._contents.files(path) for name, path in paths.items()}
        with contextlib.suppress(OSError):
            for name, path in paths.items():
                for relative, digest in files[name].items():
                    file = path / relative if relative else path
                    self._put(file, digest, shutil.copy2 if name in in_place else _link)
            entry = {"receipt": dataclasses.asdict(receipt), "files": files}
            write_json(self._entry(key, receipt.recipe.digest), entry)

    def find(self, key: str, recipe_digest: str) -> Kept | None:
        """What the recipe produced at these locations, if every object is intact."""
        value: Any = read_json(self._entry(key, recipe_digest))
        receipt = receipt_from(value["receipt"]) if isinstance(value, dict) else None
        if receipt is None:
            return None
        kept = Kept(receipt, value["files"])
        objects = (digest for files in kept.files.values() for digest in files.values())
        return kept if all(self._is_intact(digest) for digest in objects) else None

    def restore(
        self,
        key: str,
        kept: Kept,
        paths: Mapping[str, Path],
        *,
        in_place: Collection[str] = (),
    ) -> None:
        """Puts the kept outputs where they were.

        Raises:
            OSError: If an output cannot be written.
        """
        for name, files in kept.files.items():
            target = Path(os.path.realpath(paths[name]))
            self._place(target, files, shutil.copy2 if name in in_place else _link)
        with contextlib.suppress(OSError):
            os.utime(self._entry(key, kept.receipt.recipe.digest))

    def shrink(self) -> tuple[int, int]:
        """Drops what was not used for longest until the limit holds.

        Returns:
            Number of previous runs left, and the bytes of their outputs.
        """
        used: dict[str, int] = {}
        left = 0
        for file in sorted(self._entries.glob("*.json"), key=_last_use, reverse=True):
            value: Any = read_json(file)
            digests = _digests(value)
            new = {d: _size(self._object(d)) for d in digests if d not in used}
            if not digests or sum(used.values()) + sum(new.values()) > self._limit:
                file.unlink(missing_ok=True)
                continue
            used |= new
            left += 1
        for file in self._objects.glob("*/*"):
            if file.name not in used:
                file.unlink(missing_ok=True)
        return left, sum(used.values())

    def size(self) -> tuple[int, int]:
        """Number of previous runs, and the bytes of their outputs."""
        entries = sum(1 for _ in self._entries.glob("*.json"))
        return entries, sum(_size(file) for file in self._objects.glob("*/*"))

    def _place(self, target: Path, files: Mapping[str, str], bring: Bring) -> None:
        partial = partial_path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            for relative, digest in files.items():
                file = partial / relative if relative else partial
                file.parent.mkdir(parents=True, exist_ok=True)
                bring(self._object(digest), file)
            replace(partial, target)
        finally:
            remove(partial)

    def _put(self, file: Path, digest: str, bring: Bring) -> None:
        target = self._object(digest)
        if self._is_intact(digest):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(target)
        try:
            bring(file, partial)
            replace(partial, target)
        finally:
            remove(partial)

    def _is_intact(self, digest: str) -> bool:
        return self._contents.digest(self._object(digest)) == digest

    def _object(self, digest: str) -> Path:
        return self._objects / digest[:2] / digest

    def _entry(self, key: str, recipe_digest: str) -> Path:
        return self._entries / f"{key}-{recipe_digest[:40]}.json"


def _link(source: Path, target: Path) -> None:
    """Links, unless that made two outputs of equal content one file."""
    source = Path(os.path.realpath(source))
    try:
        if source.stat().st_nlink == 1:
            os.link(source, target)
            return
    except OSError:
        pass
    shutil.copy2(source, target)


def _digests(value: Any) -> set[str]:
    files = value.get("files", {}) if isinstance(value, dict) else {}
    return {digest for per_dataset in files.values() for digest in per_dataset.values()}


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(file) for file in path.iterdir())
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _last_use(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()
