"""Which nodes run after inputs, outputs or the cache itself changed."""

import os
import shutil

import pytest

from caching.toy_project import ALL, Project

pytestmark = pytest.mark.slow


def test_changed_input_runs_what_it_reaches(project: Project) -> None:
    project.write("data/raw.txt", "4 1 2")

    result = project.run()

    assert result.ran == ALL
    assert result.line("parse").endswith("input 'raw' changed")
    assert project.outputs() == project.from_scratch()


def test_input_touched_or_changed_without_effect(project: Project) -> None:
    os.utime(project.path / "data/raw.txt")
    assert project.run().ran == []

    project.write("data/raw.txt", "1   2 3")
    assert project.run().ran == ["parse"]
    assert project.outputs() == project.from_scratch()


def test_deleted_and_truncated_outputs_come_back(project: Project) -> None:
    before = project.outputs()
    (project.path / "data/scaled.json").unlink()
    (project.path / "data/report.txt").write_text("")

    result = project.run()

    assert "output 'scaled' was deleted" in result.line("scale")
    assert "output 'report' was modified" in result.line("render")
    assert project.outputs() == before


def test_without_a_copy_a_changed_output_is_made_again(project: Project) -> None:
    before = project.outputs()
    shutil.rmtree(project.path / ".kedro_cache/store")
    (project.path / "data/numbers.json").write_text("[1, 2")

    assert project.run().ran == ["parse"]
    assert project.outputs() == before


def test_output_corrupted_in_place_with_its_time_put_back(project: Project) -> None:
    before = project.outputs()
    shutil.rmtree(project.path / ".kedro_cache/store")
    project.run("--refresh", "summarise")
    file = project.path / "data/summary.json"
    status = file.stat()
    text = file.read_bytes()
    file.write_bytes(text.replace(b"2", b"5"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    result = project.run()

    # What is kept is a link to the same file, so the node had to run.
    assert result.ran == ["summarise"]
    assert project.outputs() == before


def test_damaged_receipt_and_deleted_cache_cost_only_time(project: Project) -> None:
    before = project.outputs()
    for receipt in (project.path / ".kedro_cache/receipts").iterdir():
        receipt.write_text("{")
    assert project.run().ran == []  # restored, with their receipts
    shutil.rmtree(project.path / ".kedro_cache")
    assert project.run().ran == ALL
    (project.path / ".kedro_cache/memory.sqlite").write_bytes(b"damaged" * 99)
    assert project.run().ran == []
    assert project.outputs() == before


def test_partial_runs_judge_by_what_lies_there(project: Project) -> None:
    project.write("data/raw.txt", "4 1 2")

    assert project.run("--from-nodes", "scale").ran == []
    assert project.run("--nodes", "parse").ran == ["parse"]
    assert project.run("--to-outputs", "scaled").ran == ["scale"]
    assert project.run("--from-inputs", "summary").ran == []
    assert project.run().ran == ["summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_tags_and_only_missing_outputs(project: Project) -> None:
    project.edit(
        "src/toy/pipeline_registry.py", 'name="scale"', 'name="scale", tags="t"'
    )
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 5")
    assert project.run("--only-missing-outputs").ran == []
    assert project.run("--tags", "t").ran == ["scale"]
    assert project.run().ran == ["summarise", "render"]
    assert project.outputs() == project.from_scratch()


def test_no_cache_runs_all_and_is_noticed(project: Project) -> None:
    assert project.run("--no-cache").ran == ALL
    assert project.run().ran == []
    assert project.run("--no-cache", "--params", "factor=3").ran == ALL

    result = project.run()

    assert "output 'scaled' was modified" in result.line("scale")
    assert project.outputs() == project.from_scratch()


def test_refresh_runs_the_named_nodes(project: Project) -> None:
    result = project.run("--refresh", "scale,render")
    assert result.ran == ["scale", "render"]
    assert result.line("scale").endswith("refresh asked for")
    assert project.run("--refresh", "all").ran == ALL

    unknown = project.kedro("run", "--refresh", "scael")
    assert unknown.code != 0
    assert "--refresh names 'scael', which is no node" in unknown.output


def test_two_pipelines_that_write_one_dataset_notice_each_other(
    project: Project,
) -> None:
    project.edit(
        "src/toy/pipeline_registry.py",
        '"numbers": pipeline}',
        '"other": Pipeline([Node(nodes.other, "raw", "scaled", name="other")])}',
    )
    project.append(
        "src/toy/nodes.py",
        '\n\ndef other(raw):\n    ran("other")\n    return [int(raw[0])]\n',
    )

    assert project.run("--pipelines", "other").ran == ["other"]
    assert project.run().ran == []  # restored
    assert project.outputs() == project.from_scratch()


def test_the_deprecated_spelling_is_as_quiet(project: Project) -> None:
    old = project.run("--pipeline", "numbers")
    new = project.run("--pipelines", "numbers")

    assert old.output == new.output
    assert "eprecat" not in old.output


def test_python_m_and_notebook_sessions_skip_too(project: Project) -> None:
    module = project.python("-m", "toy")
    assert (module.ran, module.code) == ([], 0), module.output

    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")
    script = """
from pathlib import Path
from kedro.framework.startup import bootstrap_project
from kedro.framework.project import settings
bootstrap_project(Path.cwd())
for _ in range(2):
    with settings.SESSION_CLASS.create() as session:
        outputs = session.run()
    print(outputs["report"].load())
"""
    notebook = project.python("-c", script)

    assert notebook.ran == ["scale", "summarise", "render"]
    assert notebook.output.count("Numbers: 18.0") == 2


def test_status_explain_clear_and_gc(project: Project) -> None:
    project.edit("conf/base/parameters.yml", "factor: 2", "factor: 3")

    status = project.kedro("cache", "status").output
    explained = project.kedro("cache", "explain", "scale").output
    collected = project.kedro("cache", "gc")
    project.edit("src/toy/pipeline_registry.py", 'name="parse"', 'name="read"')
    cleared = project.kedro("cache", "clear", "read")

    assert "run     scale      params:factor 2 → 3" in status
    assert "skip    parse      unchanged" in status
    assert "* params:factor" in explained
    assert "toy.arithmetic.multiply" in explained
    assert "4 runs" in collected.output
    assert cleared.code == 0
    assert project.run().ran == ALL[:]
    assert project.kedro("cache", "clear").code == 0
    assert project.run().ran == ALL
