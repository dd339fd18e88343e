"""Where the code of a callable starts, and what the callable captures.

A function of a module is its symbol. A lambda, a function made inside another, a
``partial``, a bound method or a callable object brings values along; they count too.
"""

import functools
import sys
import types
from collections.abc import Callable, Iterable

from .modules import Modules
from .reach import FILE, Reach, package_of
from .scopes import Chain
from .values import UnstableValueError, canonical_json, digest_text


class Start:
    """Where the closure of one callable starts, and what the callable captures."""

    def __init__(
        self, modules: Modules, resolve: Callable[[str, Chain], Reach]
    ) -> None:
        self._modules = modules
        self._resolve = resolve
        self.reach = Reach()
        self.captured: list[str] = []
        self._seen: set[int] = set()

    def callable(self, value: object) -> None:
        """Adds what calling ``value`` may run."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, functools.partial):
            self.callable(value.func)
            self._capture([*value.args, *sorted(value.keywords.items())])
        elif isinstance(value, types.MethodType):
            self.callable(value.__func__)
            self._capture([value.__self__])
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._named(value.__module__, value.__qualname__)
        elif isinstance(value, types.BuiltinFunctionType):
            self.captured.append(f"{value.__module__}.{value.__qualname__}")
            self.reach.packages |= package_of(value.__module__ or "builtins")
        else:
            self._instance(value)

    def _named(self, module: str, qualified: str) -> None:
        self.captured.append(f"{module}.{qualified}")
        if not self._modules.owns(module):
            self.reach.packages |= package_of(module)
        else:
            self.reach.units.add((module, qualified.partition(".")[0]))

    def _function(self, function: types.FunctionType) -> None:
        module = function.__module__
        if not self._modules.owns(module) or _is_top_level(function):
            self._named(module, function.__qualname__)
            return
        self.captured.append(_code_digest(function.__code__))
        scope = function.__globals__.get("__name__", module)
        for name in sorted(_names(function.__code__)):
            self.reach.add(self._resolve(scope, (name,)))
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        self._capture([*(function.__defaults__ or ()), *cells])
        self._capture(sorted((function.__kwdefaults__ or {}).items()))
        if hasattr(function, "__wrapped__"):
            self.callable(function.__wrapped__)

    def _instance(self, value: object) -> None:
        self.callable(type(value))
        state = getattr(value, "__dict__", None)
        if state is None:
            raise UnstableValueError(f"a {type(value).__name__} has no stable form")
        self._capture(sorted(state.items()))

    def _capture(self, values: Iterable[object]) -> None:
        for value in values:
            if isinstance(value, tuple | list):
                self.captured.append(f"{type(value).__name__}{len(value)}")
                self._capture(value)
            elif callable(value) or isinstance(value, types.MethodType):
                self.callable(value)
            elif isinstance(value, types.ModuleType):
                self.reach.units.add((value.__name__, FILE))
            else:
                self.captured.append(canonical_json(value))


def _is_top_level(function: types.FunctionType) -> bool:
    """Whether the function is what its name stands for in its module."""
    value: object = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        value = getattr(value, part, None)
    return value is function


def _code_digest(code: types.CodeType) -> str:
    constants = [_constant(constant) for constant in code.co_consts]
    return digest_text(code.co_code.hex(), *constants, *code.co_names)


def _constant(value: object) -> str:
    if isinstance(value, types.CodeType):
        return _code_digest(value)
    if isinstance(value, frozenset):  # its order changes from process to process
        return repr(sorted(map(_constant, value)))
    return repr(value)


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))
