"""Which names of a module a piece of its code looks up.

Scope-aware: an argument named like a function is not a reference to the function.
Without that, nodes whose arguments are named like datasets would depend on each other's
code.
"""

import ast
import contextlib
from collections.abc import Iterable, Iterator

from .bindings import (
    COMPREHENSIONS,
    ImportTargets,
    Scope,
    class_scope,
    function_scope,
)

Chain = tuple[str, ...]
"""``("pivots", "select")`` for ``pivots.select``.

A first part ``@module`` or ``@module:name`` is a name imported inside a function,
``!module`` an import statement there, and ``""`` an unknown object (only its special
attributes such as ``__doc__`` are told)."""


def global_references(
    nodes: Iterable[ast.AST], import_targets: ImportTargets
) -> set[Chain]:
    """Every dotted name that the nodes look up in their module's scope.

    Args:
        nodes: Top-level statements or expressions of one module.
        import_targets: Local name → ``@module`` or ``@module:name`` of an import.
    """
    return references_and_changes(nodes, import_targets)[0]


def references_and_changes(
    nodes: Iterable[ast.AST], import_targets: ImportTargets
) -> tuple[set[Chain], set[Chain]]:
    """The same, and which of them stand for what the functions in the nodes change."""
    collector = _References(import_targets)
    for node in nodes:
        collector.visit(node)
    return collector.found, collector.changed


class _References(ast.NodeVisitor):
    def __init__(self, import_targets: ImportTargets) -> None:
        self._import_targets = import_targets
        self._scopes: list[Scope] = []
        self._class = ""
        self.found: set[Chain] = set()
        self.changed: set[Chain] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._look_up(node.id, ())
        elif self._is_global(node.id):
            self._look_up(node.id, ())
            self.changed.add((node.id,))

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._change(node.value, node.value)
        else:
            self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
        else:
            self._change(node, node.value)
            self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        module = _imported_text(node)
        if module is None:
            self.generic_visit(node)
            return
        self.found.add((f"@{module}",))  # import_module("json") hides nothing
        for argument in (*node.args[1:], *(k.value for k in node.keywords)):
            self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self._attribute(node)
        else:
            self._change(node, node)

    def _change(self, changed: ast.expr, looked_up: ast.expr) -> None:
        """Notes what a function changes: ``T[0] = x``, ``t.a = x``, ``T.add(x)``."""
        before, self.found = self.found, set()
        if isinstance(looked_up, ast.Attribute):
            self._attribute(looked_up)
        else:
            self.visit(looked_up)
        if not all(scope.is_class for scope in self._scopes):
            self.changed |= self.found
            if self._class and _changes_class(changed):
                self.changed.add((self._class,))
        self.found |= before

    def _attribute(self, node: ast.Attribute) -> None:
        attributes: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            attributes.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            self._look_up(value.id, tuple(reversed(attributes)))
        else:
            self.found.update(("", name) for name in attributes if name[:2] == "__")
            self.visit(value)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update((f"!{alias.name}",) for alias in node.names)
        self._keep_attributes(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for target in self._import_targets(node).values():
            self.found.add((f"!{target[1:].replace(':', '.')}",))
        self._keep_attributes(node)

    def _keep_attributes(self, node: ast.Import | ast.ImportFrom) -> None:
        """What a class body imports can be reached as an attribute of the class."""
        if self._scopes and self._scopes[-1].is_class:
            targets = self._import_targets(node).values()
            self.found.update((target,) for target in targets)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self._inside(function_scope(node, self._import_targets), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outer in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outer)
        scope = class_scope(node, self._import_targets)
        if not self._scopes:
            self._class = node.name
        self._inside(scope, node.body)
        if not self._scopes:
            self._class = ""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        self._annotation(node.annotation)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, COMPREHENSIONS):
            self._comprehension(node)
        else:
            super().generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._defaults(node.args)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                self._annotation(argument.annotation)
        self._annotation(node.returns)
        self._inside(function_scope(node, self._import_targets), node.body)

    def _defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        self.visit(node.generators[0].iter)
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        inner: list[ast.AST] = [
            part
            for index, generator in enumerate(node.generators)
            for part in (*generator.ifs, *([generator.iter] if index else []))
        ]
        results = (
            [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        )
        self._inside(Scope(bound=targets), [*inner, *results])

    def _annotation(self, annotation: ast.expr | None) -> None:
        """Follows annotations, written as text or not: Kedro acts on them."""
        if annotation is None:
            return
        self.visit(annotation)
        for text in _quoted(annotation):
            with contextlib.suppress(SyntaxError):
                self._annotation(ast.parse(text, mode="eval").body)

    def _inside(self, scope: Scope, nodes: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self._scopes.pop()

    def _is_global(self, name: str) -> bool:
        return bool(self._scopes) and name in self._scopes[-1].declared_global

    def _look_up(self, name: str, attributes: Chain) -> None:
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.is_class and depth:
                continue  # a class's names are not seen inside its methods
            if name in scope.declared_global:
                break
            found = scope.imports.get(name, ())
            self.found.update((target, *attributes) for target in found)
            if name in scope.bound:
                self.found.update(("", part) for part in attributes if part[:2] == "__")
            if not scope.is_class and (found or name in scope.bound):
                return  # a class's name may be bound only later: limit = limit
        self.found.add((name, *attributes))


def _quoted(annotation: ast.expr) -> Iterator[str]:
    """Texts in an annotation that stand for types: ``list["Rule"]``."""
    pending: list[ast.AST] = [annotation]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Subscript):
            name = getattr(node.value, "attr", getattr(node.value, "id", ""))
            parts = getattr(node.slice, "elts", [node.slice])
            pending += {"Literal": [], "Annotated": parts[:1]}.get(name, parts)
        elif isinstance(node, ast.BinOp | ast.Tuple | ast.List):
            pending.extend(ast.iter_child_nodes(node))


def _changes_class(node: ast.expr) -> bool:
    """Whether it may change what a class keeps: ``cls.known[k] = v``."""
    depth = 0
    inner = node.func if isinstance(node, ast.Call) else node
    while isinstance(inner, ast.Attribute | ast.Subscript | ast.Call):
        depth += not isinstance(inner, ast.Call)
        inner = inner.func if isinstance(inner, ast.Call) else inner.value
    root = inner.id if isinstance(inner, ast.Name) else ""
    return depth > {"cls": 0, "type": 0, "self": 1}.get(root, depth)


def _imported_text(node: ast.Call) -> str | None:
    """``"a.b"`` of ``import_module("a.b")``."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    argument = node.args[0] if node.args else None
    if name != "import_module" or not isinstance(argument, ast.Constant):
        return None
    text = argument.value
    return text if isinstance(text, str) and not text.startswith(".") else None
