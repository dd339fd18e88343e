"""The digest of the code that a callable reaches.

Comments, layout and, unless they are read, docstrings do not count. What was found is
remembered for as long as none of the modules changes and none is added.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .captures import Start
from .content import Contents
from .memory import Memory
from .modules import Modules
from .reach import FILE, Reach
from .resolution import Resolver, symbols_of
from .values import digest_text


@dataclass(frozen=True)
class CodeFingerprint:
    """What a callable's result depends on, besides its arguments."""

    digest: str
    symbols: dict[str, str]
    """``module.symbol`` → digest."""
    packages: frozenset[str]
    """Top-level names of other packages that the code mentions."""
    files: frozenset[Path]
    """The source files in which the symbols lie."""
    imports_by_name: bool = False
    """Whether it imports what a text, such as a parameter, names."""


class Code:
    """Fingerprints of callables."""

    def __init__(
        self,
        modules: Modules,
        resolver: Resolver,
        contents: Contents,
        memory: Memory,
        *,
        by_module: bool = False,
    ) -> None:
        """``by_module`` counts whole files instead of symbols."""
        self._modules = modules
        self._resolver = resolver
        self._contents = contents
        self._memory = memory
        self._by_module = by_module
        self._known: dict[int, tuple[object, CodeFingerprint]] = {}

    def fingerprint(self, function: Callable[..., object]) -> CodeFingerprint:
        """The code that calling the function may run.

        Raises:
            UnstableValueError: If it captures a value that has no stable form.
        """
        known = self._known.get(id(function))
        if known is None:
            start = Start(self._modules, self._resolver.resolve)
            start.callable(function)
            found = self._remembered(_name(start.reach), lambda: start.reach)
            known = (function, self._finish(found, start))
            self._known[id(function)] = known
        return known[1]

    def of_name(self, dotted: str, use: str = "") -> CodeFingerprint:
        """The code of ``package.module.Class``, or of an attribute of it.

        Args:
            dotted: The import path.
            use: ``"load"`` or ``"save"`` leaves a dataset's other method out.
        """
        found = self._remembered(
            f"{dotted}#{use}", lambda: self._resolver.find_use(dotted, use)
        )
        return self._finish(found, None)

    def _finish(self, found: dict[str, Any], start: Start | None) -> CodeFingerprint:
        symbols: dict[str, str] = dict(found["symbols"])
        for module in found["resources"]:
            for file in self._modules.neighbours(module):
                name = f"{module}/{file.name}"
                symbols[name] = self._contents.digest(file) or "missing"
        captured = start.captured if start is not None else []
        paths = {self._modules.path(module) for module in found["modules"]}
        return CodeFingerprint(
            digest=digest_text(
                *(part for item in sorted(symbols.items()) for part in item), *captured
            ),
            symbols=symbols,
            packages=frozenset(found["packages"]),
            files=frozenset(path for path in paths if path is not None),
            imports_by_name=found["imports_by_name"],
        )

    def _remembered(self, name: str, start: Callable[[], Reach]) -> dict[str, Any]:
        """What is reached, from memory if every module of it is as it was."""
        key = f"closure:{self._resolver.state()}:{self._by_module}:{name}"
        known: Any = self._memory.fact(key)
        if known is not None and all(
            self._modules.digest(module) == digest
            for module, digest in known["modules"].items()
        ):
            return dict(known)
        total = self._resolver.closure(start())
        modules = sorted({module for module, _ in total.units})
        found = {
            "modules": {module: self._modules.digest(module) for module in modules},
            "symbols": dict(sorted(self._digests(total))),
            "packages": sorted(total.packages),
            "resources": sorted(total.resources),
            "imports_by_name": total.imports_by_name,
        }
        self._memory.remember_fact(key, found)
        return found

    def _digests(self, total: Reach) -> Iterator[tuple[str, str]]:
        for module, name in total.units:
            syntax = self._modules.syntax(module)
            if name == FILE or syntax is None or self._by_module:
                yield module, self._modules.digest(module)
                continue
            for symbol in symbols_of(syntax, name):
                documented = total.reads_documentation
                digest = symbol.documented_digest if documented else symbol.digest
                yield f"{module}.{name}", digest


def _name(reach: Reach) -> str:
    """A name for where a closure starts."""
    parts = [*(".".join(unit) for unit in sorted(reach.units)), *sorted(reach.packages)]
    flags = (reach.is_dynamic, reach.imports_by_name, reach.reads_documentation)
    return digest_text(*parts, *sorted(reach.resources), str(flags))
