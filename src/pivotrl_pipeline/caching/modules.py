"""Where modules lie and what they define, found without importing them."""

import dataclasses
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .content import Contents
from .memory import Memory
from .syntax import ModuleSyntax, Symbol, parse_module

_FORMAT = 9  # raised whenever what is kept of a module changes


class Modules:
    """The modules of the packages whose source counts, as they are when first read."""

    def __init__(
        self, packages: Iterable[str], memory: Memory, contents: Contents
    ) -> None:
        """``packages`` are top-level names, such as ``["pivotrl_pipeline"]``."""
        self._memory = memory
        self._contents = contents
        self._roots = {name: _locate(name) for name in packages}
        self._syntax: dict[str, ModuleSyntax | None] = {}
        self._paths: dict[str, Path | None] = {}
        self._digests: dict[str, str] = {}
        self._names: list[str] | None = None

    @staticmethod
    def version() -> str:
        """Of what is kept of a module; syntax trees differ between Pythons."""
        return f"{_FORMAT}:{sys.version_info.major}.{sys.version_info.minor}"

    def owns(self, module: str) -> bool:
        """Whether the module's source counts."""
        return module.partition(".")[0] in self._roots

    def path(self, module: str) -> Path | None:
        """The module's source file, or ``None`` if it has none."""
        if module not in self._paths:
            self._paths[module] = self._find(module)
        return self._paths[module]

    def exists(self, module: str) -> bool:
        """Whether there is such a module or namespace folder."""
        if self.path(module) is not None:
            return True
        base = self._base(module)
        return base is not None and base.is_dir()

    def syntax(self, module: str) -> ModuleSyntax | None:
        """The module's symbols; ``None`` without a source that can be parsed."""
        if module not in self._syntax:
            self._syntax[module] = self._read(module)
        return self._syntax[module]

    def digest(self, module: str) -> str:
        """Digest of the module's source, ``"missing"`` without one."""
        if module not in self._digests:
            path = self.path(module)
            found = self._contents.digest(path) if path else None
            self._digests[module] = found or "missing"
        return self._digests[module]

    def add(self, package: str) -> None:
        """Lets a further package's source count."""
        if package not in self._roots:
            self._roots[package] = _locate(package)
            self._names = None

    def names(self) -> list[str]:
        """Every module of the packages, sorted."""
        if self._names is None:
            self._names = self._list()
        return self._names

    def _list(self) -> list[str]:
        found: set[str] = set()
        for package, root in self._roots.items():
            if root is None:
                continue
            if root.is_file():
                found.add(package)
                continue
            for file in root.rglob("*.py"):
                parts = file.relative_to(root).with_suffix("").parts
                parts = parts[:-1] if parts[-1] == "__init__" else parts
                found.add(".".join((package, *parts)))
        return sorted(found)

    def neighbours(self, module: str) -> list[Path]:
        """Files beside or below the module, source or not."""
        path = self.path(module)
        if path is None:
            return []
        return sorted(
            file
            for file in path.parent.rglob("*")
            if file.is_file()
            and file.suffix != ".pyc"
            and "__pycache__" not in file.parts
        )

    def _base(self, module: str) -> Path | None:
        root = self._roots.get(module.partition(".")[0])
        return None if root is None else root.joinpath(*module.split(".")[1:])

    def _find(self, module: str) -> Path | None:
        base = self._base(module)
        if base is None:
            return None
        candidates = [base / "__init__.py", base.with_name(base.name + ".py"), base]
        return next((file for file in candidates if file.is_file()), None)

    def _read(self, module: str) -> ModuleSyntax | None:
        path, digest = self.path(module), self.digest(module)
        if path is None or digest == "missing":
            return None
        key = f"syntax:{self.version()}:{module}:{digest}"
        known = self._memory.fact(key)
        if known is not None:
            return _from_json(known)
        try:
            syntax = parse_module(
                path.read_text(encoding="utf-8"),
                module,
                is_package=path.name == "__init__.py",
            )
        except (SyntaxError, ValueError, OSError):
            return None
        self._memory.remember_fact(key, dataclasses.asdict(syntax))
        return syntax


def _locate(package: str) -> Path | None:
    """Folder of a top-level package, or file of a top-level module."""
    loaded = sys.modules.get(package)
    spec = getattr(loaded, "__spec__", None)
    if spec is None:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None


def _from_json(known: dict[str, Any]) -> ModuleSyntax:
    symbols = {name: _symbol(value) for name, value in known["symbols"].items()}
    effects = [_symbol(value) for value in known["effects"]]
    return ModuleSyntax(**{**known, "symbols": symbols, "effects": effects})


def _symbol(value: dict[str, Any]) -> Symbol:
    chains = {
        name: [tuple(chain) for chain in value[name]]
        for name in ("references", "callees", "makers", "given", "changes", "bases")
    }
    return Symbol(**{**value, **chains})
