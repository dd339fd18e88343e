"""The names that a function, class or comprehension binds itself."""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

ImportTargets = Callable[[ast.Import | ast.ImportFrom], dict[str, str]]

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Scope:
    """One function's, class's or comprehension's own names."""

    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    imports: dict[str, set[str]] = field(default_factory=dict)
    declared_global: set[str] = field(default_factory=set)


def function_scope(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, targets: ImportTargets
) -> Scope:
    """The scope of a function's body, its arguments among the names."""
    body = node.body if isinstance(node.body, list) else [node.body]
    scope = _bindings(body, targets)
    scope.bound |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    scope.bound |= _type_parameters(node)
    scope.bound -= scope.declared_global
    return scope


def class_scope(node: ast.ClassDef, targets: ImportTargets) -> Scope:
    """The scope of a class's body, which its methods do not see."""
    scope = _bindings(node.body, targets)
    scope.bound |= _type_parameters(node)
    scope.bound -= scope.declared_global
    scope.is_class = True
    return scope


def _type_parameters(node: ast.AST) -> set[str]:
    return {parameter.name for parameter in getattr(node, "type_params", [])}


def _bindings(body: Iterable[ast.AST], targets: ImportTargets) -> Scope:
    """Names that the statements bind, without those of scopes inside them."""
    scope = Scope()
    pending = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope.bound.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, COMPREHENSIONS):
            scope.bound |= _walrus_names(node)
            continue
        _bind(node, scope, targets)
        pending.extend(ast.iter_child_nodes(node))
    return scope


def _bind(node: ast.AST, scope: Scope, targets: ImportTargets) -> None:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        scope.bound.add(node.id)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for name, target in targets(node).items():
            scope.imports.setdefault(name, set()).add(target)
    elif isinstance(node, ast.Global):
        scope.declared_global |= set(node.names)
    elif isinstance(node, ast.Nonlocal):
        pass
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        scope.bound |= {node.name} if node.name else set()
    elif isinstance(node, ast.MatchMapping):
        scope.bound |= {node.rest} if node.rest else set()


def _walrus_names(node: ast.AST) -> set[str]:
    return {
        inner.target.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name)
    }
