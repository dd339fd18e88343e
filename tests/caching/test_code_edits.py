"""Edits that change what a function does, whatever the way in which it is reached."""

from pathlib import Path

import pytest

from caching.sample_code import Sources

IMPL = "def f(x):\n    return x\n"
FAST_OR_SLOW = {"fast": IMPL, "slow": IMPL}


def changes(sources: Sources, modules: dict[str, str], edited: str, edit: str) -> bool:
    """Whether an edit, ``old → new``, in one module changes what ``nodes.node`` is."""
    sources.write(**modules)
    before = sources.fingerprint("nodes.node").digest
    old, new = edit.split(" → ")
    assert old in modules[edited]
    sources.write(**{edited: modules[edited].replace(old, new)})
    return sources.fingerprint("nodes.node").digest != before


@pytest.mark.parametrize("edited", ["fast", "slow"])
@pytest.mark.parametrize(
    "nodes",
    [
        "try:\n    from .fast import f\nexcept ImportError:\n    from .slow import f\n"
        "def node(x):\n    return f(x)\n",
        "import sys\nif sys.platform:\n    from .fast import f\n"
        "else:\n    from .slow import f\n"
        "def node(x):\n    return f(x)\n",
        "def node(x):\n    if x:\n        from .fast import f\n"
        "    else:\n        from .slow import f\n    return f(x)\n",
        "from .slow import f\ntry:\n    from .fast import *\n"
        "except ImportError:\n    pass\ndef node(x):\n    return f(x)\n",
    ],
)
def test_every_import_of_one_name_counts(
    sources: Sources, nodes: str, edited: str
) -> None:
    modules = {**FAST_OR_SLOW, "nodes": nodes}

    assert changes(sources, modules, edited, "return x → return x + 1")


@pytest.mark.parametrize(
    "modules",
    [
        {"api": "from .impl import *", "nodes": "from .api import *"},
        {
            "api": "from .impl import *",
            "top": "from .api import *",
            "nodes": "from .top import f",
        },
        {
            "api": "from .impl import *\nfrom .nodes import *",
            "nodes": "from .api import *",
        },
    ],
)
def test_stars_of_stars_are_followed(sources: Sources, modules: dict[str, str]) -> None:
    nodes = modules["nodes"] + "\n\ndef node(x):\n    return f(x)\n"

    assert changes(
        sources,
        {"impl": IMPL, **modules, "nodes": nodes},
        "impl",
        "return x → return x + 1",
    )


def test_a_name_that_no_star_shows_makes_its_sources_count(sources: Sources) -> None:
    modules = {
        "impl": "for name in ('f', 'g'):\n    locals()[name] = name.upper()\n",
        "nodes": "from .impl import *\n\ndef node(x):\n    return len(g)\n",
        "other": "def h():\n    return 1\n",
    }

    assert changes(sources, modules, "impl", "upper → lower")
    assert not changes(sources, modules, "other", "return 1 → return 2")


def test_a_star_may_hide_a_builtin(sources: Sources) -> None:
    modules = {
        "impl": "def format(x):\n    return x\n",
        "nodes": "from .impl import *\n\ndef node(x):\n    return format(len(x))\n",
    }

    assert changes(sources, modules, "impl", "return x → return x + 1")
    assert sources.symbols("nodes.node") == {"nodes.node", "impl.format"}


@pytest.mark.parametrize(
    "nodes",
    [
        "from . import ops\n\ndef node(x, n):\n    return getattr(ops, n)(x)\n",
        "import operator\nfrom . import ops\n\n"
        "def node(x):\n    return operator.attrgetter('f')(ops)(x)\n",
        "import importlib\n\ndef node(x):\n"
        "    return importlib.import_module('sample_code.ops').f(x)\n",
    ],
)
@pytest.mark.parametrize("imported", ["from ..impl import f", "from ..impl import *"])
def test_a_module_as_a_value_brings_what_it_imports(
    sources: Sources, nodes: str, imported: str
) -> None:
    modules = {"impl": IMPL, "ops__dot____init__": imported, "nodes": nodes}

    assert changes(sources, modules, "impl", "return x → return x + 1")


@pytest.mark.parametrize("is_namespace", [False, True])
def test_a_package_as_a_value_brings_its_submodules(
    sources: Sources, is_namespace: bool
) -> None:
    modules = {
        "ops__dot__impl": IMPL,
        "nodes": "import sample_code.ops.impl\nfrom . import ops\n\n"
        "def node(x, name):\n    return getattr(ops, name).f(x)\n",
    }
    if not is_namespace:
        modules["ops__dot____init__"] = ""

    assert changes(sources, modules, "ops__dot__impl", "return x → return x + 1")


@pytest.mark.parametrize(
    "body",
    [
        "class A:\n    limit = limit\n",
        "class A:\n    limit: int = limit\n",
        "import enum\nclass A(enum.Enum):\n    limit = limit\n",
        "class A:\n    from .consts import limit\n",
    ],
)
def test_a_class_body_may_name_what_it_then_binds(sources: Sources, body: str) -> None:
    modules = {
        "consts": "limit = 1\n",
        "nodes": "from .consts import limit\n"
        + body
        + "\ndef node(x):\n    return A.limit * x\n",
    }

    assert changes(sources, modules, "consts", "= 1 → = 2")


def test_modules_that_import_a_name_from_each_other_are_read_to_an_end(
    sources: Sources,
) -> None:
    sources.write(
        a="from .b import f\n",
        b="try:\n    from .a import f\nexcept ImportError:\n    f = abs\n",
        nodes="from .a import f\n\ndef node(x):\n    return f(x)\n",
    )

    assert sources.symbols("nodes.node") == {"nodes.node", "b.f"}


RULES = """
import dataclasses
import enum
from typing import NamedTuple
from pydantic import BaseModel

class Plain:
    def apply(self, x):
        return x

@dataclasses.dataclass
class Record(Plain):
    parts: object = None

class Model(BaseModel, Plain):
    part: object

class Kind(Plain, enum.Enum):
    one = 1

class Pair(NamedTuple):
    part: int

    def apply(self, x):
        return Plain.apply(self, x)

class Table(dict, Plain):
    pass
"""


@pytest.mark.parametrize(
    "captured",
    [
        "Record(3)",
        "Model(part=3)",
        "Model(part={'a': Record()})",
        "{'a': Plain}",
        "Record(Table(a=1))",
        "[Kind.one]",
        "Pair(1)",
    ],
)
def test_the_classes_of_captured_values_count(sources: Sources, captured: str) -> None:
    sources.write(
        rules=RULES,
        nodes="import functools\nfrom .rules import *\n\n"
        "def f(x, rule):\n    return x\n\n"
        f"node = functools.partial(f, rule={captured})\n",
    )
    node = sources.load("nodes").node
    before = sources.fingerprint(node).digest
    sources.write(rules=RULES.replace("return x", "return x + 1"))

    assert sources.fingerprint(node).digest != before


@pytest.mark.parametrize(
    "function",
    [
        "lambda x: sample_code.ops.scale(x, k)",
        "lambda x: [sample_code.ops.scale(y, k) for y in x]",
        "deferred(k)",
        "relative(k)",
        "module(k)",
        "dotted(k)",
    ],
)
def test_functions_made_in_functions_reach_what_they_import(
    sources: Sources, function: str
) -> None:
    ops = "def scale(x, k):\n    return x * k\n"
    sources.write(
        ops=ops,
        other="def unrelated():\n    return 1\n",
        nodes=f"""
import sample_code.ops

def deferred(k):
    def node(x):
        from sample_code.ops import scale
        return scale(x, k)
    return node

def relative(k):
    def node(x):
        from .ops import scale
        return scale(x, k)
    return node

def module(k):
    def node(x):
        from . import ops
        return ops.scale(x, k)
    return node

def dotted(k):
    def node(x):
        import sample_code.ops
        return sample_code.ops.scale(x, k)
    return node

def make(k):
    return {function}

node = make(2)
""",
    )
    node = sources.load("nodes").node
    before = sources.fingerprint(node).digest
    sources.write(other="def unrelated():\n    return 2\n")
    is_exact = sources.fingerprint(node).digest == before
    sources.write(ops=ops.replace("x * k", "x / k"))

    assert sources.fingerprint(node).digest != before
    assert is_exact or function == "dotted(k)"


def test_a_bound_method_brings_the_class_that_it_is_bound_to(sources: Sources) -> None:
    nodes = """
import dataclasses

@dataclasses.dataclass
class Base:
    k: int

    def run(self, x):
        return self.step(x)

class Sub(Base):
    def step(self, x):
        return x

node = Sub(3).run
"""
    sources.write(nodes=nodes)
    node = sources.load("nodes").node
    before = sources.fingerprint(node).digest
    sources.write(nodes=nodes.replace("return x", "return x + 1"))

    assert sources.fingerprint(node).digest != before


def test_the_names_and_kinds_of_arguments_count(sources: Sources) -> None:
    digests = []
    for arguments in ("a, b", "b, a", "a, /, b", "a, *, b", "a, b, *c"):
        sources.write(
            nodes=f"def make(k):\n    return lambda {arguments}: k\n\nnode = make(1)\n"
        )
        digests.append(sources.fingerprint(sources.load("nodes").node).digest)

    assert len(set(digests)) == 5


TABLE = """
TABLE = {}

def register(name, function):
    TABLE[name] = function
    return function

class Rule:
    known = {}

    def __init__(self, name, factor):
        self.factor = factor
        self.known[name] = self

class Meta(type):
    known = {}

    def __init__(cls, name, bases, body):
        super().__init__(name, bases, body)
        Meta.known[name] = cls

class Base(metaclass=Meta):
    pass

class Point:
    def __init__(self, x):
        self.x = x

def helper(x):
    return x

def tagged(function):
    TABLE[function.__name__] = function
    return function

def put(table, x):
    table["a"] = x

def use(name):
    return TABLE[name]
"""


@pytest.mark.parametrize(
    ("filled", "used"),
    [
        ("def f(x):\n    return 1\n\nsquare = register('s', f)", "use('s')"),
        ("square = register('s', lambda x: 1)", "use('s')"),
        ("squares = [register(n, lambda x: 1) for n in 'st']", "use('s')"),
        ("half = Rule('h', 1)", "Rule.known['h']"),
        ("class Half(Base):\n    factor = 1", "Meta.known['Half']"),
        ("class A:\n    register('s', 1)", "use('s')"),
        ("class A:\n    @tagged\n    def f(self):\n        return 1", "use('f')"),
        ("for name in 'ab':\n    TABLE[name] = 1", "use('a')"),
        ("TABLE |= {'a': 1}", "use('a')"),
        ("put(TABLE, 1)", "use('a')"),
    ],
)
def test_what_an_import_puts_into_a_table_counts_for_who_reads_it(
    sources: Sources, filled: str, used: str
) -> None:
    modules = {
        "table": TABLE,
        "filled": f"from .table import *\nfrom .table import TABLE\n{filled}\n",
        "nodes": "from . import filled\nfrom .table import Meta, Rule, use\n\n"
        f"def node(x):\n    return {used}\n",
    }

    assert changes(sources, modules, "filled", "1 → 2")


def test_a_constant_counts_only_for_who_names_it(sources: Sources) -> None:
    modules = {
        "table": TABLE,
        "filled": "from .table import Point, helper\n\nA = Point(1)\nB = helper(1)\n",
        "nodes": "from . import filled\nfrom .table import Point, helper\n\n"
        "def node(x):\n    return helper(Point(x))\n",
    }

    assert not changes(sources, modules, "filled", "(1) → (2)")


@pytest.mark.parametrize("caller", ["nodes", "__init__"])
def test_a_setting_made_by_an_own_function_on_import_counts(
    sources: Sources, caller: str
) -> None:
    modules = {
        "__init__": "",
        "setup": "import decimal\n\ndef configure():\n"
        "    decimal.getcontext().prec = 4\n",
        "nodes": "import decimal\n\ndef node(x):\n    return decimal.Decimal(x) / 3\n",
    }
    modules[caller] += "from sample_code.setup import configure\nconfigure()\n"

    assert changes(sources, modules, "setup", "4 → 8")


@pytest.mark.parametrize(
    "annotation",
    ["'Rule'", "list['Rule']", "'list[\"Rule\"] | None'", "dict[str, 'Rule'] | None"],
)
def test_quoted_types_in_an_annotation_count(sources: Sources, annotation: str) -> None:
    modules = {
        "nodes": f"def node(rules: {annotation}):\n    return rules\n\n"
        "class Rule:\n    def apply(self, x):\n        return x\n"
    }

    assert changes(sources, modules, "nodes", "return x → return x + 1")


@pytest.mark.parametrize("annotation", ["Literal['rule']", "Annotated[str, 'rule']"])
def test_other_texts_in_an_annotation_are_no_names(
    sources: Sources, annotation: str
) -> None:
    modules = {
        "nodes": "from typing import Annotated, Literal\n\n"
        f"def node(kind: {annotation}):\n    return kind\n\n"
        "def rule(x):\n    return x\n"
    }

    assert not changes(sources, modules, "nodes", "return x → return x + 1")


def test_a_function_captured_twice_counts_at_both_places(sources: Sources) -> None:
    digests = []
    for arguments in ("a=g, b=h, c=g", "a=g, b=h, c=h"):
        sources.write(
            nodes="def f(x, a, b, c):\n    return x\n\n"
            "def g(x):\n    return 1\n\ndef h(x):\n    return 2\n",
            made="from functools import partial\nfrom .nodes import f, g, h\n\n"
            f"node = partial(f, {arguments})\n",
        )
        digests.append(sources.fingerprint(sources.load("made").node).digest)

    assert digests[0] != digests[1]


def test_a_function_wrapped_by_another_package_counts(
    sources: Sources, tmp_path: Path
) -> None:
    (tmp_path / "another_package.py").write_text(
        "def twice(f):\n    return lambda x: f(x) * 2\n"
    )
    nodes = "import another_package\n\ndef f(x):\n    return 1\n"
    sources.write(nodes=f"{nodes}\nnode = another_package.twice(f)\n")
    node = sources.load("nodes").node
    before = sources.fingerprint(node).digest
    sources.write(nodes=nodes.replace("return 1", "return 2"))

    assert sources.fingerprint(node).digest != before


def test_a_captured_module_of_another_package_is_named(sources: Sources) -> None:
    sources.write(
        nodes="import numpy\n\ndef make(k):\n"
        "    return lambda x, module=k: module.mean(x)\n\nnode = make(numpy)\n"
    )

    assert sources.fingerprint(sources.load("nodes").node).packages == {"numpy"}
