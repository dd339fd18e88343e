"""All runners, in-memory data, failures, kills and concurrent runs."""

import itertools
import signal

import pytest

from caching.toy_project import ALL, Project

pytestmark = pytest.mark.slow

REGISTRY = "src/toy/pipeline_registry.py"
CATALOG = "conf/base/catalog.yml"
RUNNERS = ["SequentialRunner", "ThreadRunner", "ParallelRunner"]


def keep_in_memory(project: Project, *names: str) -> None:
    """Removes the datasets' catalog entries."""
    lines = (project.path / CATALOG).read_text().splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in names]
    project.write(CATALOG, "\n".join(kept))


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_runner_skips_restores_and_runs(project: Project, runner: str) -> None:
    option = ("--runner", runner)

    assert project.run(*option).ran == []
    assert project.run(*option, "--params", "factor=3").ran == ALL[1:]
    assert project.outputs() == project.from_scratch("--params", "factor=3")
    assert project.run(*option).ran == []
    assert project.outputs() == project.from_scratch()


def test_asynchronous_loading_and_saving(project: Project) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")

    ran = project.run("--runner-params", "is_async=True").ran

    assert ran == ALL[1:]
    assert project.outputs() == project.from_scratch()


@pytest.mark.parametrize("runner", RUNNERS)
def test_in_memory_data_is_made_only_for_nodes_that_run(
    fresh_project: Project, runner: str
) -> None:
    project = fresh_project
    keep_in_memory(project, "numbers", "scaled")
    option = ("--runner", runner)
    assert project.run(*option).ran == ALL
    assert project.run(*option).ran == []

    project.edit("conf/base/parameters.yml", "digits: 1", "digits: 0")
    assert project.run(*option).ran == ["render"]

    project.edit("src/toy/nodes.py", "max(scaled)", "max([*scaled, 0])")
    assert project.run(*option).ran == ["parse", "scale", "summarise"]

    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    assert project.run(*option).ran == ALL
    assert project.outputs() == project.from_scratch()


def test_outputs_that_nothing_stores_are_made_each_time(project: Project) -> None:
    keep_in_memory(project, "report")

    first = project.run()
    second = project.run()

    assert first.ran == second.ran == ["render"]
    assert second.line("render").endswith("nothing stores or uses its output 'report'")


def test_an_output_that_only_the_caller_has_is_made_each_time(
    project: Project,
) -> None:
    project.edit(REGISTRY, "nodes.render,", "nodes.render_two,")
    project.edit(REGISTRY, '"report",', '["report", "length"],')
    project.append(
        "src/toy/nodes.py",
        "\n\ndef render_two(summary, options):\n"
        "    text = render(summary, options)\n    return text, len(text)\n",
    )
    script = """
from pathlib import Path
from kedro.framework.startup import bootstrap_project
from kedro.framework.project import settings
bootstrap_project(Path.cwd())
for _ in range(2):
    with settings.SESSION_CLASS.create() as session:
        print("length", session.run()["length"].load())
"""

    called = project.python("-c", script)

    assert called.ran == ["render", "render"]
    assert called.output.count("length 13") == 2


def test_nodes_with_side_effects_or_the_tag_always_run(project: Project) -> None:
    project.edit(
        REGISTRY,
        'name="render",',
        'name="render", tags="always",',
    )
    project.edit(
        REGISTRY,
        '"scaled", "summary", name="summarise"),',
        '"scaled", "summary", name="summarise"),\n'
        '                    Node(nodes.announce, "summary", None, name="announce"),',
    )
    project.append(
        "src/toy/nodes.py", '\n\ndef announce(summary):\n    ran("announce")\n'
    )

    first = project.run()

    assert sorted(first.ran) == ["announce", "render"]
    assert sorted(project.run().ran) == ["announce", "render"]
    assert first.line("render").endswith("tagged 'always'")
    assert first.line("announce").endswith("has no outputs")


def test_captured_value_without_stable_form_runs_and_says_so(
    project: Project,
) -> None:
    project.edit(
        REGISTRY,
        'Node(nodes.parse, "raw"',
        'Node(functools.partial(nodes.parse_with, object()), "raw"',
    )
    project.edit(REGISTRY, "from toy import", "import functools\nfrom toy import")
    project.append(
        "src/toy/nodes.py",
        "\n\ndef parse_with(thing, raw):\n    return parse(raw)\n",
    )

    assert project.run().ran == ["parse"]
    result = project.run()
    assert result.ran == ["parse"]
    assert "a builtins.object has no stable form" in result.line("parse")


def test_stored_and_in_memory_outputs_of_one_node(fresh_project: Project) -> None:
    project = fresh_project
    project.edit(
        REGISTRY,
        'Node(nodes.parse, "raw", "numbers"',
        'Node(nodes.split, "raw", ["numbers", "count"]',
    )
    project.edit(
        REGISTRY,
        'Node(nodes.summarise, "scaled"',
        'Node(nodes.count, ["scaled", "count"]',
    )
    project.append(
        "src/toy/nodes.py",
        "\n\ndef split(raw):\n    return parse(raw), len(raw.split())\n\n\n"
        "def count(scaled, count):\n    return {**summarise(scaled), 'count': count}\n",
    )
    assert project.run().ran == ALL
    assert project.run().ran == []

    project.edit("src/toy/nodes.py", "'count': count", "'count': count + 1")

    assert project.run().ran == ["parse", "summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_output_that_differs_each_time_runs_its_users_again(
    fresh_project: Project,
) -> None:
    project = fresh_project
    project.edit(
        REGISTRY,
        'Node(nodes.parse, "raw", "numbers"',
        'Node(nodes.split, "raw", ["numbers", "count"]',
    )
    project.edit(
        REGISTRY,
        'Node(nodes.summarise, "scaled"',
        'Node(nodes.count, ["scaled", "count"]',
    )
    project.append(
        "src/toy/nodes.py",
        "\n\ndef split(raw):\n    import time\n"
        "    return [*parse(raw), time.time_ns()], 1\n\n\n"
        "def count(scaled, count):\n    return {**summarise(scaled), 'count': count}\n",
    )
    project.run()

    project.edit("src/toy/nodes.py", "'count': count", "'count': count + 1")

    assert project.run().ran == ["parse", "scale", "summarise", "render"]
    assert project.run().ran == []
    scaled, summary = project.json("scaled.json"), project.json("summary.json")
    assert sum(scaled) == summary["sum"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_finished_nodes_of_a_failed_run_are_kept(
    fresh_project: Project, runner: str
) -> None:
    project = fresh_project
    project.edit("src/toy/nodes.py", '    ran("summarise")', "    1 / 0")

    failed = project.kedro("run", "--runner", runner)
    assert failed.code != 0
    assert "Failed in summarise; 2 nodes that finished are skipped" in failed.output

    project.edit("src/toy/nodes.py", "    1 / 0", '    ran("summarise")')

    assert project.run("--runner", runner).ran == ["summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_only_nodes_with_receipts_are_said_to_be_skipped_next_time(
    fresh_project: Project,
) -> None:
    project = fresh_project
    keep_in_memory(project, "numbers")
    project.edit("src/toy/nodes.py", '    ran("summarise")', "    1 / 0")

    failed = project.kedro("run")

    assert failed.ran == ["parse", "scale"]
    assert "1 node that finished is skipped next time" in failed.output


@pytest.mark.parametrize("runner", RUNNERS)
def test_killed_run_continues_where_it_was(project: Project, runner: str) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    project.kill_during("summarise", "--runner", runner)

    partly = ("--nodes", "render", "--params", "report.digits=0")
    warned = project.run(*partly)
    assert "node 'summarise' was interrupted while writing it" in warned.output

    result = project.run("--runner", runner)
    assert result.ran == ["summarise", "render"]
    assert project.outputs() == project.from_scratch()
    assert "interrupted" not in project.run(*partly).output


def test_an_interruption_without_effect_is_not_told_for_ever(
    project: Project,
) -> None:
    project.kill_during("summarise", "--refresh", "summarise")

    assert project.run().ran == []
    partly = project.run("--nodes", "render", "--params", "report.digits=0")

    assert partly.ran == ["render"]
    assert "interrupted" not in partly.output


def test_interrupted_run_continues_where_it_was(project: Project) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    project.kill_during("summarise", sent=signal.SIGINT)

    assert project.run().ran == ["summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_input_modified_while_a_node_reads_it(project: Project) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    project.edit(
        "src/toy/nodes.py",
        '    ran("scale")',
        '    ran("scale")\n    from pathlib import Path\n'
        '    Path("data/numbers.json").write_text("[9]")',
    )

    result = project.run()

    assert "scale runs again next time" in result.output
    project.edit("src/toy/nodes.py", 'write_text("[9]")', "exists()")
    assert "scale" in project.run().ran
    assert project.outputs() == project.from_scratch()


def test_two_runs_at_once_wait_for_each_other(project: Project) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    first = project.start("run", TOY_PAUSE="scale")
    first.wait_for("scale")
    second = project.start("run")
    second.wait_for_output("Waiting for another run")
    first.go_on()

    assert first.wait().code == 0
    assert "4 skipped" in second.wait().output
    assert project.outputs() == project.from_scratch()


def test_a_run_without_the_cache_waits_for_one_with_it(project: Project) -> None:
    first = project.start("run", "--params", "factor=3", TOY_PAUSE="scale")
    first.wait_for("scale")
    second = project.start("run", "--no-cache")
    second.wait_for_output("Waiting for another run")
    first.go_on()

    assert first.wait().code == 0
    assert second.wait().code == 0
    assert project.run().ran == []  # restored or unchanged
    assert project.outputs() == project.from_scratch()


def test_runner_with_a_loop_of_its_own_is_left_alone(project: Project) -> None:
    project.write(
        "src/toy/dry.py",
        """
        from kedro.runner import SequentialRunner


        class DryRunner(SequentialRunner):
            def _run(self, pipeline, catalog, hook_manager=None, run_id=None):
                print("dry", len(pipeline.nodes))
        """,
    )
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")

    result = project.run("--runner", "toy.dry.DryRunner")

    assert result.ran == []
    assert "dry 4" in result.output


@pytest.mark.parametrize(
    "options",
    [(), ("--no-cache",), ("--runner=toy.runner.OwnRunner",)],
    ids=["cached", "not cached", "a runner of one's own"],
)
def test_garbage_is_collected_again_when_nodes_run(
    project: Project, options: tuple[str, ...]
) -> None:
    project.write(
        "src/toy/runner.py",
        """
        from kedro.runner import SequentialRunner


        class OwnRunner(SequentialRunner):
            def _run(self, *arguments, **named):
                super()._run(*arguments, **named)
        """,
    )
    project.edit(
        "src/toy/nodes.py",
        'ran("parse")',
        "ran(f\"parse {__import__('gc').isenabled()}\")",
    )

    assert project.run(*options).ran[:2] == ["parse", "True"]


def test_a_node_that_waits_for_a_worker_is_not_said_to_run(
    fresh_project: Project,
) -> None:
    fresh_project.edit(
        REGISTRY,
        'Node(nodes.summarise, "scaled", "summary", name="summarise"),',
        'Node(nodes.summarise, "scaled", "summary", name="summarise"),\n'
        '                Node(nodes.parse, "raw", "more", name="more"),\n'
        '                Node(nodes.parse, "raw", "most", name="most"),',
    )
    fresh_project.append(
        "conf/base/catalog.yml",
        "more: {type: json.JSONDataset, filepath: data/more.json}\n"
        "most: {type: json.JSONDataset, filepath: data/most.json}\n",
    )

    result = fresh_project.run(
        "--runner=ParallelRunner", "--runner-params=max_workers=2"
    )

    told = [
        word
        for word in (line.split()[0] for line in result.output.splitlines() if line)
        if word in {"Running", "Finished"}
    ]
    running = list(itertools.accumulate(1 if w == "Running" else -1 for w in told))
    assert len(told) == 12
    assert max(running) <= 2
