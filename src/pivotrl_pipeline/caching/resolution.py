"""Everything that can be reached from a name.

Where the reach cannot be known (``eval``, a module used as a value) everything it could
be counts.
"""

import builtins
from collections.abc import Collection, Iterable

from .modules import Modules
from .names import Names
from .reach import EFFECT, FILE, IMPORT, Reach, Unit
from .scopes import Chain
from .syntax import ModuleSyntax, Symbol
from .values import digest_text

MADE = "<made>"
"""Before the name of what importing a module calls for its result."""
GIVEN = "<given>"
"""Before the name of what it hands to a function that it calls for its effect."""


class Resolver:
    """What the code of the packages whose source counts leads to."""

    def __init__(self, modules: Modules, named_imports: Collection[str] = ()) -> None:
        """Reads modules as they are met.

        Args:
            modules: The packages.
            named_imports: Functions, as ``package.module.name``, that import only
                what a parameter of the node names; any other function that imports
                by a computed name makes the whole project count.
        """
        self._modules = modules
        self._named_imports = frozenset(named_imports)
        self._names = Names(modules)
        self._listed: list[str] = []
        self._state = ""
        self._reach: dict[Unit, Reach] = {}
        self._touches: dict[Unit, set[Unit]] = {}

    def state(self) -> str:
        """Changes with which modules there are, and with how names are followed."""
        names = self._modules.names()
        if names is not self._listed:
            self._listed = names
            self._reach.clear()  # what was another package's may be source now
            self._touches.clear()
            digest = digest_text(*names, "", *sorted(self._named_imports))
            self._state = f"{self._modules.version()}:{digest}"
        return self._state

    def find(self, dotted: str) -> Reach:
        """What ``package.module.name`` stands for."""
        return self._names.find(dotted)

    def resolve(self, module: str, chain: Chain) -> Reach:
        """What a dotted name, looked up in a module, stands for."""
        return self._names.resolve(module, chain)

    def find_use(self, dotted: str, use: str) -> Reach:
        """Of a dataset class, what ``load`` or ``save`` needs; else the whole."""
        reach = self.find(dotted)
        for module, name in list(reach.units):
            syntax = self._modules.syntax(module)
            if syntax is not None and f"{name}#{use}" in syntax.symbols:
                reach.units.remove((module, name))
                reach.units.add((module, f"{name}#{use}"))
        return reach

    def methods(self, dotted: str) -> set[str]:
        """Names that a class defines, or inherits from a class whose source counts."""
        found: set[str] = set()
        pending = self.find(dotted).units
        seen: set[Unit] = set()
        while pending:
            module, name = unit = pending.pop()
            syntax = self._modules.syntax(module)
            if unit in seen or syntax is None or name not in syntax.symbols:
                continue
            seen.add(unit)
            found.update(syntax.symbols[name].methods)
            for base in syntax.symbols[name].bases:
                pending |= self.resolve(module, base).units
        return found

    def closure(self, start: Reach) -> Reach:
        """Everything that can be reached, with what importing it registers there."""
        total = Reach()
        total.add(start)
        pending = set(start.units)
        while pending:
            while pending:
                reach = self._reach_of(pending.pop())
                pending |= reach.units - total.units
                total.add(reach)
            if total.is_dynamic:
                pending = {(name, FILE) for name in self._modules.names()}
            pending |= {
                effect
                for effect, target in total.effects
                if not self._touched(target).isdisjoint(total.units)
            }
            pending -= total.units
            total.units |= pending
        return total

    def _touched(self, callee: Unit) -> set[Unit]:
        """What calling something on import may change: all that it reaches.

        Of what is called for its result, only what it is seen to change: else all that
        uses a class would depend on each constant that is made of it.
        """
        if callee not in self._touches:
            module, (mark, _, name) = callee[0], callee[1].partition(" ")
            if mark == MADE:
                touched = self._changed((module, name))[0]
            elif mark == GIVEN:
                touched = {(module, name)}
            else:
                self._touches[callee] = {callee}  # in case it reaches itself
                touched = self.closure(Reach(units={callee})).units
            self._touches[callee] = {unit for unit in touched if unit[1] != IMPORT}
        return self._touches[callee]

    def _changed(self, callee: Unit) -> tuple[set[Unit], bool]:
        """What a call is seen to change, and whether some of that is not source."""
        seen: set[Unit] = set()
        pending = {callee}
        changed: set[Unit] = set()
        is_foreign = False
        while pending:
            module, name = unit = pending.pop()
            syntax = self._modules.syntax(module)
            seen.add(unit)
            if syntax is None or name == IMPORT:
                continue
            pending |= self._reach_of(unit).units - seen
            for symbol in symbols_of(syntax, name):
                for chain in symbol.changes:
                    found = self.resolve(module, chain)
                    changed |= found.units
                    is_foreign |= not found.units and not hasattr(builtins, chain[0])
        return changed, is_foreign

    def _reach_of(self, unit: Unit) -> Reach:
        if unit not in self._reach:
            module, name = unit
            syntax = self._modules.syntax(module)
            reach = Reach()
            if name == FILE:
                reach.units |= self._submodules(module)
            if syntax is not None and name == IMPORT:
                self._add_import(module, syntax, reach)
            elif syntax is not None:
                reach.units.add((module, IMPORT))
                if not symbols_of(syntax, name) and name != FILE:
                    reach.units.add((module, FILE))  # bound in a way not seen
                chains = {c for s in symbols_of(syntax, name) for c in s.references}
                if name == FILE:  # its imports are attributes of it too
                    chains |= {(imported,) for imported in syntax.imports}
                    reach.units |= self._names.starred_files(syntax)
                for chain in chains:
                    reach.add(self.resolve(module, chain))
            if ".".join(unit) not in self._named_imports:
                reach.is_dynamic |= reach.imports_by_name
            self._reach[unit] = reach
        return self._reach[unit]

    def _add_import(self, module: str, syntax: ModuleSyntax, reach: Reach) -> None:
        """Importing a module runs its effects and imports further modules."""
        for index, symbol in enumerate(syntax.effects):
            effect = (module, f"{EFFECT} {index}")
            if not self._add_effect(module, effect, symbol.callees, reach):
                reach.units.add(effect)
            self._add_marked(module, effect, symbol.given, GIVEN, reach)
        for name, symbol in syntax.symbols.items():
            if "#" in name:
                continue
            callees = [*symbol.callees, *self._registering_bases(module, symbol)]
            self._add_effect(module, (module, name), callees, reach)
            self._add_marked(module, (module, name), symbol.makers, MADE, reach)
        for name in (*syntax.executed, module.rpartition(".")[0]):
            reach.units |= self._names.executed(name)

    def _add_effect(
        self, module: str, effect: Unit, callees: Iterable[Chain], reach: Reach
    ) -> bool:
        """Notes that an effect matters to who reaches what its callees touch.

        Returns:
            Whether all of it is known: no callee lies outside of the source.
        """
        targets = [self.resolve(module, chain).units for chain in callees]
        units = set().union(*targets)
        reach.effects |= {(effect, unit) for unit in units}
        is_foreign = any(self._changed(unit)[1] for unit in units)
        return bool(targets) and all(targets) and not is_foreign

    def _add_marked(
        self, module: str, effect: Unit, names: Iterable[Chain], mark: str, reach: Reach
    ) -> None:
        for chain in names:
            units = self.resolve(module, chain).units
            reach.effects |= {(effect, (m, f"{mark} {name}")) for m, name in units}

    def _registering_bases(self, module: str, symbol: Symbol) -> list[Chain]:
        """Base classes that are told of each class derived from them."""
        return [
            base
            for base in symbol.bases
            if any(
                self.methods(".".join(unit)) & {"__init_subclass__", "metaclass="}
                for unit in self.resolve(module, base).units
            )
        ]

    def _submodules(self, module: str) -> set[Unit]:
        names = self._modules.names()
        return {(name, FILE) for name in names if name.startswith(f"{module}.")}


def symbols_of(syntax: ModuleSyntax, name: str) -> list[Symbol]:
    """The symbols that a unit of the module consists of."""
    if name == FILE:
        return [*syntax.symbols.values(), *syntax.effects]
    if name.startswith(EFFECT):
        return [syntax.effects[int(name.removeprefix(EFFECT))]]
    return [syntax.symbols[name]] if name in syntax.symbols else []
