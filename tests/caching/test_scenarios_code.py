"""Which nodes run after code was edited, each time in a fresh process."""

import pytest

from caching.toy_project import ALL, Project

pytestmark = pytest.mark.slow


def test_nothing_runs_when_nothing_changed(project: Project) -> None:
    result = project.run()

    assert result.ran == []
    assert "4 skipped" in result.output
    assert project.outputs() == project.from_scratch()


def test_comments_layout_docstrings_and_unused_symbols_run_nothing(
    project: Project,
) -> None:
    project.edit(
        "src/toy/nodes.py", "def parse(raw):\n", 'def parse(raw):\n    "Doc."\n'
    )
    project.edit("src/toy/nodes.py", "def scale(", "# a comment\n\n\ndef scale(")
    project.edit("src/toy/constants.py", "UNRELATED = 1", "UNRELATED = 2")
    project.append("src/toy/arithmetic.py", "\n\ndef another():\n    return 3\n")

    assert project.run().ran == []


def test_edited_node_runs_and_its_unchanged_output_stops_the_wave(
    project: Project,
) -> None:
    project.edit(
        "src/toy/nodes.py",
        "sorted(int(part) for part in raw.split())",
        "sorted(map(int, raw.split()))",
    )

    result = project.run()

    assert result.ran == ["parse"]
    assert result.line("parse").endswith("code changed (nodes.parse)")
    assert result.line("scale").split() == [
        "run?",
        "scale",
        "if",
        "'numbers'",
        "changes",
    ]
    assert project.outputs() == project.from_scratch()


def test_helper_two_modules_away_runs_its_users(project: Project) -> None:
    project.edit("src/toy/constants.py", "OFFSET = 0", "OFFSET = 7")

    result = project.run()

    assert result.ran == ["scale", "summarise", "render"]
    assert "code changed (constants.OFFSET)" in result.line("scale")
    assert project.outputs() == project.from_scratch()


def test_code_put_back_restores_without_running(project: Project) -> None:
    before = project.outputs()
    project.edit("src/toy/constants.py", "OFFSET = 0", "OFFSET = 7")
    project.run()
    project.edit("src/toy/constants.py", "OFFSET = 7", "OFFSET = 0")

    result = project.run()

    assert result.ran == []
    assert "3 restored" in result.output
    assert project.outputs() == before


def test_module_granularity_counts_files_and_what_they_import(
    project: Project,
) -> None:
    project.write("conf/base/cache.yml", "cache: {granularity: module}")
    project.run()
    project.append("src/toy/arithmetic.py", "\n\ndef another():\n    return 3\n")

    assert project.run().ran == ALL  # all four nodes are of one file


def test_argument_binding_counts_and_a_node_name_does_not(project: Project) -> None:
    project.edit("src/toy/pipeline_registry.py", 'name="scale"', 'name="renamed"')
    assert project.run().ran == []

    project.edit(
        "src/toy/pipeline_registry.py",
        '["numbers", "params:factor"]',
        '{"factor": "params:factor", "numbers": "numbers"}',
    )
    assert project.run().ran == ["scale"]


def test_registered_function_is_part_of_the_registry(project: Project) -> None:
    project.write(
        "src/toy/registry.py",
        """
        OPERATIONS = {}


        def register(name):
            def add(function):
                OPERATIONS[name] = function
                return function
            return add
        """,
    )
    project.write(
        "src/toy/operations.py",
        """
        from toy.registry import register


        @register("multiply")
        def product(number, factor):
            return number * factor
        """,
    )
    project.write(
        "src/toy/arithmetic.py",
        """
        import toy.operations
        from toy.registry import OPERATIONS


        def multiply(numbers, factor):
            return [OPERATIONS["multiply"](number, factor) for number in numbers]
        """,
    )
    assert project.run().ran == ["scale"]

    project.edit("src/toy/operations.py", "number * factor", "number * factor + 1")

    assert project.run().ran == ["scale", "summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_dynamic_import_counts_the_whole_project(project: Project) -> None:
    project.edit(
        "src/toy/arithmetic.py",
        "def multiply(numbers, factor):\n",
        "def multiply(numbers, factor):\n"
        '    import importlib\n    importlib.import_module("toy.constants")\n',
    )
    assert project.run().ran == ["scale"]

    project.edit("src/toy/constants.py", "UNRELATED = 1", "UNRELATED = 2")

    assert project.run().ran == ["scale"]


def test_files_beside_a_module_that_looks_for_them_count(project: Project) -> None:
    project.write("src/toy/prompt.txt", "one")
    project.edit(
        "src/toy/constants.py",
        "OFFSET = 0",
        "from pathlib import Path\n"
        'OFFSET = len(Path(__file__).with_name("prompt.txt").read_text().split()) - 1',
    )
    assert project.run().ran == ["scale"]

    project.write("src/toy/prompt.txt", "one two")

    assert project.run().ran == ["scale", "summarise", "render"]


def test_partial_lambda_and_closure_count_what_they_capture(project: Project) -> None:
    registry = "src/toy/pipeline_registry.py"
    project.edit(
        registry,
        'Node(nodes.summarise, "scaled"',
        'Node(functools.partial(nodes.summarise), "scaled"',
    )
    project.edit(
        registry,
        "from kedro.pipeline import",
        "import functools\n\nfrom kedro.pipeline import",
    )
    project.edit(
        registry, 'Node(nodes.parse, "raw"', 'Node(lambda raw: make(3)(raw), "raw"'
    )
    project.edit(
        registry,
        "def register_pipelines",
        "def make(least):\n    def parse(raw):\n"
        "        return [n for n in nodes.parse(raw) if n >= least]\n"
        "    return parse\n\n\ndef register_pipelines",
    )
    assert project.run().ran == ALL

    assert project.run().ran == []

    project.edit(registry, "make(3)", "make(2)")
    assert project.run().ran == ["parse", "scale", "summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_restoring_is_off_without_room(project: Project) -> None:
    project.write("conf/base/cache.yml", "cache: {store_gigabytes: 0}")
    project.run("--params", "factor=5")

    assert project.run().ran == ["scale", "summarise", "render"]
