"""Versions of installed packages, by the name under which they are imported."""

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from .memory import Memory
from .values import digest_text


class Packages:
    """Versions, remembered for as long as nothing is installed or removed."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._key: str | None = None
        self._versions: dict[str, str] = {}
        self._distributions: dict[str, list[str]] | None = None

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Import name → version, ``"unknown"`` where there is no distribution."""
        if self._key is None:
            self._key = f"packages:{_installation_state()}"
            self._versions = self._memory.fact(self._key) or {}
        wanted = sorted(names)
        missing = [name for name in wanted if name not in self._versions]
        if missing:
            self._versions |= {name: self._find(name) for name in missing}
            self._memory.remember_fact(self._key, self._versions)
        return {name: self._versions[name] for name in wanted}

    def _find(self, name: str) -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
        if self._distributions is None:
            self._distributions = dict(importlib.metadata.packages_distributions())
        owners = sorted(set(self._distributions.get(name, [])))
        versions = [f"{owner} {importlib.metadata.version(owner)}" for owner in owners]
        return ", ".join(versions) or "unknown"


def _installation_state() -> str:
    """Changes whenever a distribution is installed into or removed from the path.

    The name of a distribution's folder mostly holds its version; where it does not, the
    file that holds it has a time.
    """
    parts = []
    for entry in sys.path:
        with contextlib.suppress(OSError):
            names = os.listdir(entry or ".")  # noqa: PTH208 - a third of the time
            found = sorted(n for n in names if n.endswith((".dist-info", ".egg-info")))
            parts += [entry, *found]
            parts += [_time(entry, n) for n in found if n.endswith(".egg-info")]
            if Path(entry).name in {"site-packages", "dist-packages"}:
                parts.append(str(Path(entry).stat().st_mtime_ns))
    return digest_text(*parts)


def _time(entry: str, egg: str) -> str:
    file = Path(entry, egg, "PKG-INFO")
    return str((file if file.exists() else file.parent).stat().st_mtime_ns)
