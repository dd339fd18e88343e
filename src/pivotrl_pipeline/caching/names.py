"""What the names in a module stand for.

They are followed through imports, star imports among them, to the symbols of the
packages whose source counts; of other packages only the name is kept.
"""

import builtins

from .modules import Modules
from .reach import FILE, IMPORT, Reach, Unit, package_of
from .scopes import Chain
from .syntax import ModuleSyntax

_DYNAMIC_BUILTINS = {"eval", "exec", "globals"}
_IMPORTING = ("importlib.import_module", "kedro.utils.load_obj")
_DYNAMIC_CALLS = ("runpy.", "pkgutil.", "importlib.util.module_from_spec")
_RESOURCES = ("importlib.resources", "importlib_resources", "pkgutil.get_data")
_DOCUMENTATION = ("inspect.getdoc", "inspect.cleandoc", "inspect.getsource")


class Names:
    """Names of the packages whose source counts."""

    def __init__(self, modules: Modules) -> None:
        """Reads modules as they are met."""
        self._modules = modules
        self._resolving: set[tuple[str, Chain]] = set()

    def find(self, dotted: str) -> Reach:
        """What ``package.module.name`` stands for."""
        top, _, rest = dotted.partition(".")
        return self._target("@" + top, tuple(rest.split(".")) if rest else ())

    def executed(self, module: str) -> set[Unit]:
        """What importing a module runs: itself, and the packages it lies in."""
        if not self._modules.owns(module):
            return set()
        parts = module.split(".")
        names = [".".join(parts[: i + 1]) for i in range(len(parts))]
        return {(name, IMPORT) for name in names if self._modules.path(name)}

    def starred_files(self, syntax: ModuleSyntax) -> set[Unit]:
        """The modules of which a module imports every name."""
        return {(s, FILE) for s in syntax.stars if self._modules.owns(s)}

    def resolve(self, module: str, chain: Chain) -> Reach:
        """What a dotted name, looked up in a module, stands for."""
        if (module, chain) in self._resolving:
            return Reach()  # modules that import the name from each other
        self._resolving.add((module, chain))
        try:
            return self._resolve(module, chain)
        finally:
            self._resolving.remove((module, chain))

    def _resolve(self, module: str, chain: Chain) -> Reach:
        first, rest = chain[0], tuple(chain[1:])
        reach = Reach()
        reach.reads_documentation = "__doc__" in chain
        reach.is_dynamic = "__subclasses__" in chain
        if first == "":
            return reach
        if first[0] == "!":
            reach.units |= self.executed(first[1:])
            return reach
        if first[0] == "@":
            reach.add(self._target(first, rest))
            return reach
        syntax = self._modules.syntax(module)
        if syntax is None:
            return reach
        is_bound = self._add_binding(module, syntax, first, rest, reach)
        if first == "__file__":
            reach.resources.add(module)
        elif not is_bound and hasattr(builtins, first):
            reach.is_dynamic |= first in _DYNAMIC_BUILTINS
            reach.imports_by_name |= first == "__import__"
        elif not is_bound:
            reach.units |= self.starred_files(syntax)
        return reach

    def _add_binding(
        self, module: str, syntax: ModuleSyntax, name: str, rest: Chain, reach: Reach
    ) -> bool:
        """Adds all that a module may bind a name to, and tells whether that is shown.

        A name may be bound more than once, as in ``try: from .fast import f`` with a
        slow ``f`` beside it, and a star import may hide a builtin.
        """
        if name in syntax.symbols:
            reach.units.add((module, name))
        for target in syntax.imports.get(name, ()):
            is_submodule = target == f"@{module}:{name}"
            reach.add(
                self._target(f"@{module}.{name}" if is_submodule else target, rest)
            )
        return self._add_starred(syntax, name, rest, reach) or _binds(syntax, name)

    def _add_starred(
        self, syntax: ModuleSyntax, name: str, rest: Chain, reach: Reach
    ) -> bool:
        """The same of star imports, and of those in the modules that they name."""
        is_shown = False
        seen: set[str] = set()
        pending = list(syntax.stars)
        while pending:
            source = pending.pop()
            if source in seen:
                continue
            seen.add(source)
            outline = self._modules.syntax(source)
            if not self._modules.owns(source):
                reach.add(_foreign(".".join((source, name, *rest))))
            elif outline is None:
                continue
            elif _binds(outline, name) or self._modules.exists(f"{source}.{name}"):
                reach.add(self._target(f"@{source}:{name}", rest))
                is_shown = True
            else:
                pending.extend(outline.stars)
        return is_shown

    def _target(self, target: str, attributes: Chain) -> Reach:
        """What an import target with further attributes stands for."""
        module, _, name = target[1:].partition(":")
        rest = [*([name] if name else []), *attributes]
        if not self._modules.owns(module):
            return _foreign(".".join((module, *rest)))
        while True:
            syntax = self._modules.syntax(module)
            here = f"{module}.{rest[0]}" if rest else ""
            if syntax and rest and _shows(syntax, module, rest[0]):
                return self.resolve(module, tuple(rest))
            if not rest or not self._modules.exists(here):
                break
            module, rest = here, rest[1:]
        return self._leftover(module, syntax, rest)

    def _leftover(
        self, module: str, syntax: ModuleSyntax | None, rest: list[str]
    ) -> Reach:
        """A module itself, or a name that its source does not show."""
        reach = Reach()
        if rest and rest[0] in {"__name__", "__version__", "__all__"}:
            reach.units.add((module, IMPORT))
        elif rest and rest[0] == "__file__":
            reach.resources.add(module)
        elif (
            not rest
            or syntax is None
            or not self._add_starred(syntax, rest[0], tuple(rest[1:]), reach)
        ):
            is_told = rest and syntax and "__getattr__" in syntax.symbols
            reach.units.add((module, "__getattr__" if is_told else FILE))
        reach.units.add((module, IMPORT))
        return reach


def _shows(syntax: ModuleSyntax, module: str, name: str) -> bool:
    """Whether the module's source binds the name to more than its own submodule."""
    targets = syntax.imports.get(name, ())
    return name in syntax.symbols or any(t != f"@{module}:{name}" for t in targets)


def _binds(syntax: ModuleSyntax, name: str) -> bool:
    return name in syntax.symbols or name in syntax.imports


def _foreign(dotted: str) -> Reach:
    """A name of a package whose source does not count."""
    return Reach(
        packages=package_of(dotted),
        imports_by_name=dotted.startswith(_IMPORTING),
        is_dynamic=dotted.startswith(_DYNAMIC_CALLS)
        and not dotted.startswith(_RESOURCES),
        reads_documentation=dotted.startswith(_DOCUMENTATION),
    )
