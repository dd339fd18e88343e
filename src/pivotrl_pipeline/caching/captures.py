"""Where the code of a callable starts, and what the callable captures.

A function of a module is its symbol. A lambda, a function made inside another, a
``partial``, a bound method or a callable object brings values along; they count too.
"""

import dataclasses
import dis
import enum
import functools
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
        self._seen: dict[int, int] = {}

    def callable(self, value: object) -> None:
        """Adds what calling ``value`` may run."""
        if id(value) in self._seen:
            self.captured.append(f"again {self._seen[id(value)]}")
            return
        self._seen[id(value)] = len(self._seen)
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
        self._reach_name(module, qualified)

    def _reach_name(self, module: str, qualified: str) -> None:
        if not self._modules.owns(module):
            self.reach.packages |= package_of(module)
        else:
            self.reach.units.add((module, qualified.partition(".")[0]))

    def _function(self, function: types.FunctionType) -> None:
        module = function.__module__
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        is_top_level = _is_top_level(function)
        if not self._modules.owns(module) or is_top_level:
            self._named(module, function.__qualname__)
            self._capture([] if is_top_level else cells)
            return
        self.captured.append(_code_digest(function.__code__))
        scope = function.__globals__.get("__name__", module)
        package = function.__globals__.get("__package__") or ""
        for chain in sorted(_references(function.__code__, package)):
            self.reach.add(self._resolve(scope, chain))
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
                self._reach_name(type(value).__module__, type(value).__qualname__)
                self.captured.append(f"{type(value).__name__}{len(value)}")
                self._capture(value)
            elif callable(value) or isinstance(value, types.MethodType):
                self.callable(value)
            elif isinstance(value, types.ModuleType):
                self.captured.append(value.__name__)
                if self._modules.owns(value.__name__):
                    self.reach.units.add((value.__name__, FILE))
                else:
                    self.reach.packages |= package_of(value.__name__)
            else:
                self.captured.append(canonical_json(value))
                for kind in _classes(value):
                    self._reach_name(kind.__module__, kind.__qualname__)


def _is_top_level(function: types.FunctionType) -> bool:
    """Whether the function is what its name stands for in its module."""
    value: object = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        value = getattr(value, part, None)
    return value is function


def _classes(value: object) -> Iterator[type]:
    """The classes of a value that has a canonical form, and those that it names."""
    if isinstance(value, type):
        yield value
        return
    yield type(value)
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    elif isinstance(value, enum.Enum):
        parts = [value.value]
    elif dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        fields = getattr(type(value), "model_fields", ())  # of Pydantic
        extra = getattr(value, "model_extra", None) or {}
        parts = [*(getattr(value, name) for name in fields), *extra.values()]
    for part in parts:
        yield from _classes(part)


def _code_digest(code: types.CodeType) -> str:
    """Of what the code does, and of its arguments, which Kedro binds by name."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    return digest_text(
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        *(_constant(constant) for constant in code.co_consts),
        *code.co_names,
        "",
        *code.co_varnames,
        *map(str, (*counts, code.co_flags)),
    )


def _constant(value: object) -> str:
    if isinstance(value, types.CodeType):
        return _code_digest(value)
    if isinstance(value, frozenset):  # its order changes from process to process
        return repr(sorted(map(_constant, value)))
    return repr(value)


def _references(code: types.CodeType, package: str) -> set[Chain]:
    """The dotted names that the code looks up in its module, and what it imports."""
    found: set[Chain] = set()
    chain: Chain = ()
    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name == "EXTENDED_ARG":
            continue
        if name == "IMPORT_NAME":
            level, names = before[-2].argval, before[-1].argval
            found |= _imported("." * level + instruction.argval, names, package)
        elif chain and name in {"LOAD_ATTR", "LOAD_METHOD"}:
            chain = (*chain, instruction.argval)
        else:
            found |= {chain} - {()}
            is_name = name.endswith(("_GLOBAL", "_NAME", "_GLOBALS"))
            chain = (instruction.argval,) if is_name else ()
        before.append(instruction)
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return found.union(*(_references(c, package) for c in inner))


def _imported(dotted: str, names: Sequence[str] | None, package: str) -> set[Chain]:
    """Of ``from dotted import names``, or of ``import dotted``."""
    module = importlib.util.resolve_name(dotted, package)
    parents = module.split(".")
    tops = {".".join(parents[: i + 1]) for i in range(len(parents))}
    targets = {f"{module}:{name}" for name in names} if names else tops
    return {(f"!{module}",), *((f"@{target}",) for target in targets)}
