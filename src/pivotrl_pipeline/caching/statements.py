"""What one top-level statement binds, changes and calls."""

import ast
import copy
from collections.abc import Iterable, Iterator

COMPOUND = (
    ast.If,
    ast.For,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.Match,
    ast.AsyncFor,
    ast.AsyncWith,
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def called_for_effect(statements: Iterable[ast.stmt]) -> Iterator[ast.expr]:
    """What importing the module calls for its effect."""
    for statement in statements:
        if isinstance(statement, DEFINITIONS):
            yield from statement.decorator_list
            if isinstance(statement, ast.ClassDef):
                yield from (keyword.value for keyword in statement.keywords)
                yield from called_for_effect(statement.body)
        else:
            yield from (call.func for call in _calls_for_effect(statement))


def given_for_effect(statements: Iterable[ast.stmt]) -> Iterator[ast.expr]:
    """What those calls are given: ``put(TABLE, f)``."""
    for statement in statements:
        if not isinstance(statement, DEFINITIONS):
            for call in _calls_for_effect(statement):
                yield from (*call.args, *(keyword.value for keyword in call.keywords))


def _calls_for_effect(statement: ast.stmt) -> Iterator[ast.Call]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.value


def called_for_result(statements: Iterable[ast.stmt]) -> Iterator[ast.expr]:
    """What importing the module calls for its result: ``square = register(f)``."""
    pending: list[ast.AST] = [s for s in statements if not isinstance(s, DEFINITIONS)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Call):
            yield node.func
        if not isinstance(node, (*DEFINITIONS, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))


def members(statement: ast.ClassDef) -> Iterator[str]:
    """Names that a class defines itself, and ``metaclass=`` if it has one."""
    for member in statement.body:
        yield from bound_names(member)
    for keyword in statement.keywords:
        yield f"{keyword.arg}="


def without_docstrings(statement: ast.stmt) -> ast.stmt:
    """A copy in which no text stands as a statement."""
    bare = copy.deepcopy(statement)
    for node in ast.walk(bare):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [inner for inner in body if not _is_text(inner)]
    return bare


def _is_text(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def bound_names(statement: ast.stmt) -> set[str]:
    """Names that a statement binds in its own scope, imports left out."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    names: set[str] = set()
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif not isinstance(node, ast.Lambda | ast.comprehension):
            pending.extend(ast.iter_child_nodes(node))
    return names


def changed_names(statement: ast.stmt) -> set[str]:
    """Names whose object a statement may change: ``T[0] = x``, ``T.add(x)``."""
    changed: set[str] = set()
    for node in ast.walk(statement):
        root: ast.AST | None = None
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            changed.add(node.target.id)
        elif isinstance(node, ast.Subscript | ast.Attribute):
            if not isinstance(node.ctx, ast.Load):
                root = node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            root = node.value.func
        while isinstance(root, ast.Subscript | ast.Attribute | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name):
                changed.add(root.id)
    return changed


def has_expression(statement: ast.stmt) -> bool:
    """Whether an expression, such as a call, stands in it for its effect."""
    return any(isinstance(node, ast.Expr) for node in ast.walk(statement))


def never_at_import(statement: ast.If) -> bool:
    """Whether it is ``if TYPE_CHECKING`` or ``if __name__ == "__main__"``."""
    test = statement.test
    if statement.orelse:
        return False
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name):
        return test.left.id == "__name__"
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"
