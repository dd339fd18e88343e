"""No dataset is ever seen half-written, whatever happens to the disk or the process."""

import shutil
from pathlib import Path

import pytest

from caching.toy_project import Project

pytestmark = pytest.mark.slow

LIMITED = """
import resource, signal, sys
from kedro.framework.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.argv = ["kedro", "run", *sys.argv[1:]]
main()
"""


def leftovers(project: Project) -> list[str]:
    """Names of hidden files below ``data``."""
    return [file.name for file in (project.path / "data").rglob(".*")]


@pytest.mark.parametrize("cache", [(), ("--no-cache",)])
def test_full_disk_leaves_the_old_output(
    project: Project, cache: tuple[str, ...]
) -> None:
    pytest.importorskip("resource", reason="limits of file sizes are POSIX's")
    project.edit(
        "src/toy/arithmetic.py",
        "for number in numbers]",
        "for number in numbers] * 9999",
    )
    before = project.outputs()

    failed = project.python("-c", LIMITED, *cache)

    assert failed.code != 0
    assert "File too large" in failed.output
    assert project.outputs() == before
    assert leftovers(project) == []
    assert project.run().ran == ["scale", "summarise", "render"]


def test_error_in_the_middle_of_a_save_leaves_the_old_output(project: Project) -> None:
    before = project.outputs()
    project.edit(
        "src/toy/arithmetic.py",
        "+ OFFSET for number in numbers]",
        "+ OFFSET for number in numbers] + [object()]",
    )
    project.edit("src/toy/nodes.py", "max(scaled)", "max(scaled[:3])")

    failed = project.kedro("run")

    assert failed.code != 0
    assert project.outputs() == before
    assert leftovers(project) == []


@pytest.mark.parametrize("runner", ["SequentialRunner", "ParallelRunner"])
def test_kill_in_the_middle_of_a_save_is_cleaned_up(
    project: Project, runner: str
) -> None:
    project.write(
        "src/toy/datasets.py",
        """
        from kedro_datasets.json import JSONDataset

        from toy.log import ran


        class Slow(JSONDataset):
            def save(self, data):
                with open(self._get_save_path(), "w") as file:
                    file.write("[1, ")
                    file.flush()
                    ran("saving")
                super().save(data)
        """,
    )
    project.edit(
        "conf/base/catalog.yml",
        "scaled: {type: json.JSONDataset",
        "scaled: {type: toy.datasets.Slow",
    )
    before = project.outputs()

    project.kill_during("saving", "--runner", runner)

    after = project.outputs()
    hidden = {name for name in after if name.startswith(".")}
    assert len(hidden) == 1
    assert {name: after[name] for name in before} == before
    assert project.run().ran == ["scale", "saving", "summarise"]
    assert leftovers(project) == []


def test_unwritable_cache_folder_costs_only_the_cache(project: Project) -> None:
    before = project.outputs()
    shutil.rmtree(project.path / ".kedro_cache")
    (project.path / ".kedro_cache").write_text("a file is in the way")

    result = project.run()

    assert "Running every node, without the cache" in result.output
    assert len(result.ran) == 4
    assert project.outputs() == before


def test_receipt_that_cannot_be_written_is_told(project: Project) -> None:
    receipts = project.path / ".kedro_cache/receipts"
    shutil.rmtree(receipts)
    receipts.write_text("a file is in the way")

    result = project.run()

    assert len(result.ran) == 4
    told = "render runs again next time: its receipt was not written (["
    assert told in result.output


def test_input_that_is_not_there_is_told_before_any_node_runs(
    project: Project,
) -> None:
    project.edit("src/toy/pipeline_registry.py", '"params:report"', '"style"')
    project.append(
        "conf/base/catalog.yml",
        "style: {type: json.JSONDataset, filepath: data/style.json}\n",
    )

    failed = project.kedro("run", "--refresh", "all")

    assert failed.code != 0
    assert "data/style.json" in failed.output
    assert failed.ran == []


def test_input_that_is_fetched_by_loading_is_known_before_any_node_runs(
    project: Project,
) -> None:
    project.write(
        "src/toy/datasets.py",
        """
        from kedro_datasets.text import TextDataset


        class Fetched(TextDataset):
            def fingerprint(self):
                return open(self._filepath).read()

            def load(self):
                if not self._exists():
                    open(self._filepath, "w").write("5 6")
                return super().load()
        """,
    )
    project.edit(
        "conf/base/catalog.yml",
        "raw: {type: text.TextDataset, filepath: data/raw.txt}",
        "raw: {type: toy.datasets.Fetched, filepath: data/fetched.txt}",
    )

    assert project.run().ran == ["parse", "scale", "summarise", "render"]
    assert project.run().ran == []


def test_unwritable_data_folder_fails_without_harm(project: Project) -> None:
    project.edit("conf/base/catalog.yml", "data/report.txt", "data/raw.txt/report.txt")
    project.edit("conf/base/parameters.yml", "digits: 1", "digits: 0")
    before = project.outputs()

    failed = project.kedro("run")

    assert failed.code != 0
    assert project.outputs() == before
    project.edit("conf/base/catalog.yml", "data/raw.txt/report.txt", "data/report.txt")
    assert project.run().ran == ["render"]


def test_versioned_output_is_complete_or_absent(project: Project) -> None:
    project.edit(
        "conf/base/catalog.yml",
        "filepath: data/report.txt}",
        "filepath: data/versions.txt, versioned: true}",
    )
    project.run()
    project.edit("conf/base/parameters.yml", "title: Numbers", "title: Sums")
    project.run()

    files = sorted(Path(project.path / "data/versions.txt").rglob("*.txt"))
    texts = [file.read_text() for file in files if file.is_file()]

    assert texts == ["Numbers: 12.0", "Sums: 12.0"]
    assert project.run().ran == []
    assert leftovers(project) == []


@pytest.mark.parametrize("runner", ["SequentialRunner", "ParallelRunner"])
def test_folder_of_charts_keeps_what_others_put_there(
    project: Project, runner: str
) -> None:
    project.write(
        "src/toy/datasets.py",
        """
        from pathlib import Path

        from kedro.io import AbstractDataset


        class Charts(AbstractDataset):
            def __init__(self, *, filepath):
                self._filepath = Path(filepath)

            def save(self, data):
                self._filepath.mkdir(parents=True, exist_ok=True)
                (self._filepath / "curve.svg").write_text(data)

            def load(self):
                raise NotImplementedError

            def _describe(self):
                return {}
        """,
    )
    project.append(
        "conf/base/catalog.yml",
        "charts: {type: toy.datasets.Charts, filepath: data}\n",
    )
    project.edit("src/toy/pipeline_registry.py", '"report",', '["report", "charts"],')
    project.append(
        "src/toy/nodes.py",
        "\n\ndef draw(summary, options):\n"
        "    return render(summary, options), options['title']\n",
    )
    project.edit("src/toy/pipeline_registry.py", "nodes.render", "nodes.draw")
    project.run("--runner", runner)
    project.write("data/notes.md", "mine")

    for title in ("Sums", "Numbers"):
        project.run("--runner", runner, "--params", f"report.title={title}")
        outputs = project.outputs()

        assert outputs["notes.md"] == b"mine\n"
        assert outputs["report.txt"] == f"{title}: 12.0".encode()
        assert outputs["curve.svg"] == title.encode()
        assert len(outputs) == 7
