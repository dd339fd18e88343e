"""Which edits change the fingerprint of a function, found without running it."""

import functools
from pathlib import Path

import pytest

from caching.sample_code import PACKAGE, Sources
from pivotrl_pipeline.caching.code import Code
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.modules import Modules
from pivotrl_pipeline.caching.resolution import Resolver
from pivotrl_pipeline.caching.values import UnstableValueError


def test_an_argument_named_like_a_function_is_no_reference(sources: Sources) -> None:
    sources.write(
        nodes="def clean(raw):\n    return raw\n\n"
        "def enrich(clean):\n    return [clean for clean in clean]\n"
    )

    assert sources.symbols("nodes.enrich") == {"nodes.enrich"}


def test_every_way_of_looking_up_a_global_is_a_reference(sources: Sources) -> None:
    sources.write(
        nodes="""
A = B = C = D = E = F = G = 1

def used(x: "A" = B, *, k=C) -> D:
    def inner():
        return E
    return [F for x in range(3) if (lambda y: G + y)(x)]
"""
    )

    assert sources.symbols("nodes.used") == {
        f"nodes.{name}" for name in ("A", "B", "C", "D", "E", "F", "G", "used")
    }


def test_names_of_a_class_body_are_not_seen_by_its_methods(sources: Sources) -> None:
    sources.write(
        nodes="""
limit = 1

class Used:
    limit = 2

    def method(self):
        return limit
"""
    )

    assert sources.symbols("nodes.Used") == {"nodes.Used", "nodes.limit"}


@pytest.mark.parametrize(
    "imported",
    [
        "from sample_code.lib.tools import helper\n\ndef f():\n    return helper()\n",
        "from .lib.tools import helper as h\n\ndef f():\n    return h()\n",
        "from .lib import tools\n\ndef f():\n    return tools.helper()\n",
        "import sample_code.lib.tools\n\n"
        "def f():\n    return sample_code.lib.tools.helper()\n",
        "import sample_code.lib.tools as t\n\ndef f():\n    return t.helper()\n",
        "def f():\n    from sample_code.lib import tools\n    return tools.helper()\n",
        "from .lib.tools import *\n\ndef f():\n    return helper()\n",
        "from .lib import helper\n\ndef f():\n    return helper()\n",
    ],
)
def test_imports_of_all_kinds_are_followed_to_the_symbol(
    sources: Sources, imported: str
) -> None:
    sources.write(
        nodes=imported,
        lib__dot____init__="from .tools import helper\n",
        lib__dot__tools="SIZE = 1\n\ndef helper():\n    return SIZE\n\n"
        "def other():\n    return 2\n",
    )

    assert sources.symbols("nodes.f") == {
        "nodes.f",
        "lib.tools.helper",
        "lib.tools.SIZE",
    }


def test_changes_of_a_table_are_part_of_it(sources: Sources) -> None:
    sources.write(
        nodes="""
def one(): ...
def two(): ...
TABLE = {}
TABLE["one"] = one
TABLE.update(two=two)

def use(name):
    return TABLE[name]()
"""
    )

    assert sources.symbols("nodes.use") == {
        "nodes.use",
        "nodes.TABLE",
        "nodes.one",
        "nodes.two",
    }


REGISTRY = """
TABLE = {}

def register(function):
    TABLE[function.__name__] = function
    return function

def use(name):
    return TABLE[name]()

def unrelated():
    return 1
"""


def test_registered_functions_count_for_who_reads_the_registry(
    sources: Sources,
) -> None:
    sources.write(
        registry=REGISTRY,
        implementations="from .registry import register\n\n"
        "@register\ndef one():\n    return 1\n",
        nodes="from . import implementations\nfrom .registry import unrelated, use\n\n"
        "def reads():\n    return use('one')\n\n"
        "def does_not():\n    return unrelated()\n",
    )

    assert "implementations.one" in sources.symbols("nodes.reads")
    assert "implementations.one" not in sources.symbols("nodes.does_not")


def test_subclasses_count_for_who_reads_what_their_base_keeps(
    sources: Sources,
) -> None:
    sources.write(
        base="class Base:\n    known = {}\n\n"
        "    def __init_subclass__(cls):\n        Base.known[cls.__name__] = cls\n\n"
        "def find(name):\n    return Base.known[name]\n",
        derived="from .base import Base\n\nclass One(Base):\n    pass\n",
        nodes="from . import derived\nfrom .base import find\n\n"
        "def f():\n    return find('One')\n",
    )

    assert "derived.One" in sources.symbols("nodes.f")


def test_what_importing_does_beside_binding_names_counts(sources: Sources) -> None:
    sources.write(
        nodes="import random\n\nrandom.seed(3)\n\n"
        "def f():\n    return random.random()\n"
    )
    before = sources.fingerprint("nodes.f").digest
    sources.write(
        nodes="import random\n\nrandom.seed(4)\n\n"
        "def f():\n    return random.random()\n"
    )

    assert sources.fingerprint("nodes.f").digest != before


def test_type_checking_and_main_blocks_do_not_count(sources: Sources) -> None:
    sources.write(nodes="def f():\n    return 1\n")
    before = sources.fingerprint("nodes.f").digest
    sources.write(
        nodes="from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
        "    from .other import Thing\n\ndef f():\n    return 1\n\n"
        "if __name__ == '__main__':\n    print(f())\n"
    )

    assert sources.fingerprint("nodes.f").digest == before


@pytest.mark.parametrize("call", ["eval('1')", "exec('1')", "globals()", "imp('x')"])
def test_dynamic_code_makes_the_whole_package_count(
    sources: Sources, call: str
) -> None:
    sources.write(
        nodes="from importlib import import_module as imp\n\n"
        f"def f():\n    return {call}\n",
        far="def away():\n    return 1\n",
    )

    assert "far" in sources.symbols("nodes.f")


def test_a_module_used_as_a_value_counts_as_a_whole(sources: Sources) -> None:
    sources.write(
        losses="def one(): ...\ndef two(): ...\n",
        nodes="from . import losses\n\n"
        "def f(name):\n    return getattr(losses, name)\n",
    )

    assert "losses" in sources.symbols("nodes.f")


def test_docstrings_count_where_they_are_read(sources: Sources) -> None:
    text = 'def tool():\n    "{}"\n\ndef f():\n    return {}\n'
    digests = []
    for doc in ("one", "two"):
        for read in ("tool", "tool.__doc__"):
            sources.write(nodes=text.format(doc, read))
            digests.append(sources.fingerprint("nodes.f").digest)

    assert digests[0] == digests[2]
    assert digests[1] != digests[3]


def test_other_packages_are_named_and_the_standard_library_is_not(
    sources: Sources,
) -> None:
    sources.write(
        nodes="import json\nimport numpy as np\n\n"
        "def f():\n    import pandas\n    return np.mean(json.loads(pandas.NA))\n"
    )

    assert sources.fingerprint("nodes.f").packages == {"numpy", "pandas"}


def test_captured_values_count(sources: Sources) -> None:
    sources.write(
        nodes="import functools\n\ndef f(k, x):\n    return k * x\n\n"
        "def make(k):\n    def inner(x):\n        return f(k, x)\n    return inner\n\n"
        "class Adder:\n    def __init__(self, k):\n        self.k = k\n"
        "    def __call__(self, x):\n        return self.k + x\n"
        "    def add(self, x):\n        return self(x)\n"
    )
    nodes = sources.load("nodes")

    def digests(k: int) -> list[str]:
        functions = [
            functools.partial(nodes.f, k),
            nodes.make(k),
            nodes.Adder(k),
            nodes.Adder(k).add,
        ]
        return [sources.fingerprint(function).digest for function in functions]

    assert digests(2) == digests(2)
    assert not set(digests(2)) & set(digests(3))
    assert len(set(digests(2))) == 4


def test_captured_value_without_stable_form_is_refused(sources: Sources) -> None:
    sources.write(nodes="def f(k, x):\n    return k * x\n")
    function = functools.partial(sources.load("nodes").f, object())

    with pytest.raises(UnstableValueError, match="no stable form"):
        sources.fingerprint(function)


def test_decorated_function_brings_its_decorator(sources: Sources) -> None:
    sources.write(
        nodes="import functools\n\ndef twice(function):\n"
        "    @functools.wraps(function)\n    def run(x):\n"
        "        return function(x) * 2\n    return run\n\n"
        "@twice\ndef f(x):\n    return x\n\ndef g(x):\n    return x\n"
    )
    nodes = sources.load("nodes")

    inline = sources.fingerprint(nodes.twice(nodes.g))
    found = sources.fingerprint(nodes.f)

    assert {f"{PACKAGE}.nodes.f", f"{PACKAGE}.nodes.twice"} <= set(found.symbols)
    assert f"{PACKAGE}.nodes.g" in inline.symbols
    assert inline.digest != sources.fingerprint(nodes.g).digest


def test_remembered_syntax_gives_the_same_fingerprint(
    sources: Sources, tmp_path: Path
) -> None:
    sources.write(registry=REGISTRY)
    digests = []
    for _ in range(2):
        memory = Memory(tmp_path / "memory.sqlite")
        contents = Contents(memory)
        modules = Modules([PACKAGE], memory, contents)
        code = Code(modules, Resolver(modules), contents, memory)
        digests.append(code.of_name(f"{PACKAGE}.registry.use").digest)
        memory.close()

    assert digests[0] == digests[1]


DATASET = """
from .tools import read, write

class Table:
    def __init__(self, filepath): ...
    def load(self): return read(self)
    def save(self, data): {body}
"""


def test_loading_from_a_dataset_does_not_depend_on_how_it_saves(
    sources: Sources,
) -> None:
    sources.write(
        tables=DATASET.format(body="write(self, data)"),
        tools="def read(x): ...\n\ndef write(x, y): ...\n",
    )

    def reached(use: str) -> set[str]:
        found = sources.code().of_name(f"{PACKAGE}.tables.Table", use).symbols
        return {name.removeprefix(f"{PACKAGE}.") for name in found}

    assert reached("load") == {"tables.Table#load", "tools.read"}
    assert reached("save") == {"tables.Table#save", "tools.write"}


def test_a_save_that_loads_depends_on_both(sources: Sources) -> None:
    sources.write(
        tables=DATASET.format(body="write(self, [self.load(), data])"),
        tools="def read(x): ...\n\ndef write(x, y): ...\n",
    )

    found = sources.code().of_name(f"{PACKAGE}.tables.Table", "save").symbols

    assert f"{PACKAGE}.tools.read" in found
