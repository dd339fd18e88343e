"""The current content of catalog entries."""

from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol

from .atomic import shares_folder
from .content import Contents
from .entries import Entries, Entry
from .values import UnstableValueError, digest_text, digest_value

MISSING = "missing"


class Data:
    """Digests of what the entries of a catalog hold now."""

    def __init__(
        self, catalog: CatalogProtocol[Any, Any], entries: Entries, contents: Contents
    ) -> None:
        self._catalog = catalog
        self._entries = entries
        self._contents = contents

    def digest(self, name: str) -> str:
        """Digest of the content that a node would load; ``MISSING`` without one.

        Raises:
            UnstableValueError: If the content cannot be fingerprinted.
        """
        entry = self._entries[name]
        if entry.kind == "file":
            path = self.path(entry)
            return (path and self._contents.digest(path)) or MISSING
        if entry.kind == "remote":
            return self._remote(entry)
        if entry.kind == "fingerprint":
            found = self._own_fingerprint(entry)
            if found is not None:
                return found
            return self._contents.digest(entry.path) or MISSING
        if entry.kind == "memory":
            return self._in_memory(entry)
        raise UnstableValueError(
            f"dataset {name!r} ({entry.class_path}) has no path and no fingerprint()"
        )

    def path(self, entry: Entry, *, pinned: bool = True) -> Path | None:
        """Where the entry's current version lies, ``None`` if it has none yet."""
        if not entry.is_versioned:
            return entry.path
        version = getattr(self._catalog, "_load_versions", {}).get(entry.name)
        if version is None or not pinned:
            try:
                versions = [v for v in entry.path.iterdir() if self._holds(entry, v)]
            except OSError:
                return None
            if not versions:
                return None
            version = max(v.name for v in versions)
        return entry.path / str(version) / entry.path.name

    @staticmethod
    def _holds(entry: Entry, version: Path) -> bool:
        return (version / entry.path.name).exists()

    def is_file(self, entry: Entry) -> bool:
        """Whether it is a local file, or folder of its own, that its bytes identify."""
        if entry.kind == "fingerprint":
            is_local = bool(entry.location) and self._own_fingerprint(entry) is None
        else:
            is_local = entry.kind == "file"
        return is_local and not (
            entry.path.is_dir() and shares_folder(self._catalog, entry.name, entry.path)
        )

    def _own_fingerprint(self, entry: Entry) -> str | None:
        """What the dataset says of itself; ``None`` where it leaves that to its bytes.

        Raises:
            UnstableValueError: If it says nothing and has no local path.
        """
        dataset: Any = self._catalog.get(entry.name)
        try:
            found = dataset.fingerprint()
        except FileNotFoundError:
            return MISSING
        except Exception as error:
            message = f"the fingerprint of {entry.name!r} failed: {error}"
            raise UnstableValueError(message) from error
        if found is None and not entry.location:
            raise UnstableValueError(f"dataset {entry.name!r} has no path")
        return None if found is None else digest_text("fingerprint", str(found))

    def _remote(self, entry: Entry) -> str:
        """Digest of what a remote filesystem tells about the object."""
        dataset: Any = self._catalog.get(entry.name)
        filesystem = getattr(dataset, "_fs", getattr(dataset, "_filesystem", None))
        if filesystem is None:
            raise UnstableValueError(f"dataset {entry.name!r} hides its filesystem")
        path = str(
            dataset._get_load_path() if entry.is_versioned else dataset._filepath
        )
        filesystem.invalidate_cache()
        if not filesystem.exists(path):
            return MISSING
        found = filesystem.info(path)
        if found.get("type") == "directory":
            found = dict(filesystem.find(path, detail=True))
        keys = ("ETag", "etag", "md5Hash", "checksum", "size", "mtime", "LastModified")
        told = {key: str(found[key]) for key in keys if key in found}
        if not told.keys() - {"size"}:
            raise UnstableValueError(f"{entry.location} tells no checksum and no time")
        return digest_value(told)

    def _in_memory(self, entry: Entry) -> str:
        dataset = getattr(self._catalog, "_datasets", {}).get(entry.name)
        value = getattr(dataset, "_data", None)
        if dataset is None or not dataset.exists():
            return MISSING
        try:
            return digest_value(value)
        except UnstableValueError as error:
            message = f"input {entry.name!r} is only in memory: {error}"
            raise UnstableValueError(message) from error
