"""The symbols of one module, without importing it.

A *symbol* is a top-level function, class or variable together with every top-level
statement that binds or changes it (``TABLE["x"] = f``, ``TABLE.update(...)``). Its
digest is taken over the syntax tree: comments, layout and docstrings do not count.
What a module does on import beyond binding names is its *effects*.
"""

import ast
import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

from .bindings import ImportTargets
from .scopes import Chain, global_references, references_and_changes
from .statements import (
    COMPOUND,
    DEFINITIONS,
    bound_names,
    called_for_effect,
    called_for_result,
    changed_names,
    given_for_effect,
    has_expression,
    members,
    never_at_import,
    without_docstrings,
)
from .values import digest_text


@dataclass(frozen=True)
class Symbol:
    """What one name of a module is made of."""

    digest: str
    """Over the syntax trees of its statements, without docstrings."""
    documented_digest: str
    """The same with docstrings, for code that reads them."""
    references: list[Chain]
    """The names that its statements look up in the module."""
    callees: list[Chain] = field(default_factory=list)
    """What its statements call when the module is imported: decorators, metaclasses,
    and functions called for their effect."""
    makers: list[Chain] = field(default_factory=list)
    """What they call for its result, which may have an effect too."""
    given: list[Chain] = field(default_factory=list)
    """What functions called for their effect are given: ``put(TABLE, f)``."""
    changes: list[Chain] = field(default_factory=list)
    """The names of the module whose objects its functions change when called."""
    methods: list[str] = field(default_factory=list)
    """Of a class: the names it defines itself, and ``metaclass=`` if it has one."""
    bases: list[Chain] = field(default_factory=list)


@dataclass(frozen=True)
class ModuleSyntax:
    """One module's symbols and imports."""

    symbols: dict[str, Symbol]
    imports: dict[str, list[str]]
    """Local name → ``@module`` or ``@module:name``, each that it may stand for."""
    stars: list[str]
    """Modules whose every name is imported."""
    executed: list[str]
    """Modules whose import this one's import causes."""
    effects: list[Symbol]
    """One for each statement that does more than bind names."""


def parse_module(source: str, name: str, *, is_package: bool) -> ModuleSyntax:
    """The symbols of the module ``name`` with the given source.

    Raises:
        SyntaxError: If the source cannot be parsed.
    """
    reader = _Reader(name, is_package=is_package)
    reader.read(ast.parse(source).body)
    return reader.result()


class _Reader:
    def __init__(self, name: str, *, is_package: bool) -> None:
        self._package = name if is_package else name.rpartition(".")[0]
        self._statements: dict[str, list[ast.stmt]] = {}
        self._effects: list[ast.stmt] = []
        self._imports: dict[str, list[str]] = {}
        self._stars: list[str] = []
        self._executed: list[str] = []

    def read(self, body: Iterable[ast.stmt]) -> None:
        """Sorts top-level statements by the symbols they bind or change."""
        pending: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement, executed=True)
            elif isinstance(statement, DEFINITIONS):
                self._statements.setdefault(statement.name, []).append(statement)
            else:
                pending.append(statement)
                for name in bound_names(statement):
                    self._statements.setdefault(name, [])
        for statement in pending:
            self._sort(statement)

    def _sort(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.If) and never_at_import(statement):
            self._imports_inside(statement, executed=False)
            return
        if isinstance(statement, COMPOUND):
            self._imports_inside(statement, executed=True)
        if isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        ):
            return
        changed = changed_names(statement)
        owners = bound_names(statement) | (changed & self._statements.keys())
        for name in owners:
            self._statements.setdefault(name, []).append(statement)
        is_effect = (
            not owners
            or not changed.isdisjoint(self._imports)
            or (isinstance(statement, COMPOUND) and has_expression(statement))
        )
        if is_effect and not isinstance(statement, ast.Pass | ast.Global):
            self._effects.append(statement)

    def _imports_inside(self, statement: ast.stmt, *, executed: bool) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node, executed=executed)

    def _import(self, node: ast.Import | ast.ImportFrom, *, executed: bool) -> None:
        for name, target in import_targets(node, self._package).items():
            self._imports.setdefault(name, []).append(target)
        if isinstance(node, ast.ImportFrom):
            module = _source_module(node, self._package)
            stars = [module] if node.names[0].name == "*" else []
            self._stars.extend(stars)
            modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            modules = [alias.name for alias in node.names]
        if executed:
            self._executed.extend(modules)

    def result(self) -> ModuleSyntax:
        def targets(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
            return import_targets(node, self._package)

        symbols: dict[str, Symbol] = {}
        for name, statements in self._statements.items():
            symbols[name] = _symbol(statements, targets)
            for use, part in _parts_in_use(statements).items():
                symbols[f"{name}#{use}"] = _symbol(part, targets)
        return ModuleSyntax(
            symbols=symbols,
            imports=self._imports,
            stars=self._stars,
            executed=self._executed,
            effects=[_symbol([statement], targets) for statement in self._effects],
        )


def _parts_in_use(statements: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Of a dataset class: what loading from it, and what saving to it, depends on."""
    parts: dict[str, list[ast.stmt]] = {}
    if len(statements) != 1 or not isinstance(statements[0], ast.ClassDef):
        return parts
    for use, unused in (("load", {"save", "_save"}), ("save", {"load", "_load"})):
        kept = copy.copy(statements[0])
        kept.body = [s for s in kept.body if not bound_names(s) & unused]
        mentioned = {n.attr for n in ast.walk(kept) if isinstance(n, ast.Attribute)}
        if len(kept.body) < len(statements[0].body) and not mentioned & unused:
            parts[use] = [kept]
    return parts


def import_targets(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, str]:
    """Local name → ``@module`` or ``@module:name`` for one import statement."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: "@"
            + (alias.name if alias.asname else alias.name.partition(".")[0])
            for alias in node.names
        }
    module = _source_module(node, package)
    return {
        alias.asname or alias.name: f"@{module}:{alias.name}"
        for alias in node.names
        if alias.name != "*"
    }


def _source_module(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _symbol(statements: list[ast.stmt], targets: ImportTargets) -> Symbol:
    chains, changes = references_and_changes(statements, targets)
    bare = [without_docstrings(statement) for statement in statements]
    documented = _dump(statements)
    return Symbol(
        digest=_dump(bare),
        documented_digest=documented,
        references=sorted(chains),
        callees=sorted(global_references(called_for_effect(statements), targets)),
        makers=sorted(global_references(called_for_result(statements), targets)),
        given=sorted(global_references(given_for_effect(statements), targets)),
        changes=sorted(changes),
        methods=sorted(
            name
            for statement in statements
            if isinstance(statement, ast.ClassDef)
            for name in members(statement)
        ),
        bases=sorted(
            chain
            for statement in statements
            if isinstance(statement, ast.ClassDef)
            for chain in global_references(statement.bases, targets)
        ),
    )


def _dump(statements: Iterable[ast.stmt]) -> str:
    return digest_text(*(ast.dump(statement) for statement in statements))
