"""Which nodes run after parameters, the catalog or the environment changed."""

import re

import pytest

from caching.toy_project import Project
from pivotrl_pipeline.caching.options import CacheOptions

pytestmark = pytest.mark.slow

CATALOG = "conf/base/catalog.yml"
PARAMETERS = "conf/base/parameters.yml"


def test_parameter_runs_the_nodes_that_read_it_and_says_which(
    project: Project,
) -> None:
    project.edit(PARAMETERS, "digits: 1", "digits: 2")

    result = project.run()

    assert result.ran == ["render"]
    assert result.line("render").endswith("params:report.digits 1 → 2")
    assert project.outputs() == project.from_scratch()


def test_unused_parameter_runs_nothing(project: Project) -> None:
    project.edit(PARAMETERS, "unused: 0", "unused: 1")

    assert project.run().ran == []


def test_runtime_parameter_and_back_again(project: Project) -> None:
    before = project.outputs()

    assert project.run("--params", "factor=3").ran == ["scale", "summarise", "render"]
    assert project.outputs() == project.from_scratch("--params", "factor=3")
    assert project.run().ran == []
    assert project.outputs() == before


def test_the_type_of_a_parameter_counts(project: Project) -> None:
    project.edit(PARAMETERS, "factor: 2", "factor: 2.0")

    assert project.run().ran == ["scale", "summarise", "render"]


def test_pydantic_parameter_and_its_default(project: Project) -> None:
    project.write(
        "src/toy/options.py",
        """
        from pydantic import BaseModel


        class Options(BaseModel):
            title: str
            digits: int
            ending: str = "."
        """,
    )
    nodes = "src/toy/nodes.py"
    project.edit(nodes, "from toy.log", "from toy.options import Options\nfrom toy.log")
    project.edit(
        nodes, "def render(summary, options)", "def render(summary, options: Options)"
    )
    project.edit(
        nodes,
        "return f\"{options['title']}: {summary['sum']:.{options['digits']}f}\"",
        "text = f\"{options.title}: {summary['sum']:.{options.digits}f}\"\n"
        "    return text + options.ending",
    )
    assert project.run().ran == ["render"]
    assert project.run().ran == []

    project.edit("src/toy/options.py", 'ending: str = "."', 'ending: str = "!"')

    assert project.run().ran == ["render"]
    assert (project.path / "data/report.txt").read_text() == "Numbers: 12.0!"


def test_save_arguments_run_the_producer_and_load_arguments_the_consumer(
    project: Project,
) -> None:
    project.edit(
        CATALOG,
        "filepath: data/numbers.json}",
        "filepath: data/numbers.json, save_args: {indent: 1}}",
    )
    assert project.run().ran == ["parse", "scale"]
    assert project.outputs() == project.from_scratch()

    project.edit(
        CATALOG,
        "filepath: data/raw.txt}",
        "filepath: data/raw.txt, fs_args: {auto_mkdir: true}}",
    )
    assert project.run().ran == []  # how files are reached is no setting of the data


def test_metadata_runs_nothing(project: Project) -> None:
    project.edit(
        CATALOG,
        "filepath: data/raw.txt}",
        "filepath: data/raw.txt, metadata: {kedro-viz: {layer: raw}}}",
    )

    assert project.run().ran == []


def test_another_dataset_type_runs_producer_and_consumers(project: Project) -> None:
    project.edit(
        CATALOG,
        "numbers: {type: json.JSONDataset, filepath: data/numbers.json}",
        "numbers: {type: pickle.PickleDataset, filepath: data/numbers.pkl}",
    )

    assert project.run().ran == ["parse", "scale"]


def test_code_of_a_project_dataset_counts(project: Project) -> None:
    project.write(
        "src/toy/datasets.py",
        """
        import json
        from pathlib import Path

        from kedro.io import AbstractDataset

        INDENT = 1


        class Numbers(AbstractDataset):
            def __init__(self, filepath):
                self._filepath = Path(filepath)

            def load(self):
                return json.loads(self._filepath.read_text())

            def save(self, data):
                self._filepath.write_text(json.dumps(data, indent=INDENT))

            def _describe(self):
                return {}
        """,
    )
    project.edit(
        CATALOG,
        "numbers: {type: json.JSONDataset",
        "numbers: {type: toy.datasets.Numbers",
    )
    assert project.run().ran == ["parse", "scale"]

    project.edit("src/toy/datasets.py", "INDENT = 1", "INDENT = 2")

    result = project.run()
    assert result.ran == ["parse", "scale"]
    assert "code changed (datasets.INDENT)" in result.line("parse")


def test_a_datasets_own_fingerprint_replaces_its_bytes(project: Project) -> None:
    project.write(
        "src/toy/datasets.py",
        """
        from kedro_datasets.json import JSONDataset


        class WorkingFile(JSONDataset):
            def fingerprint(self):
                return "constant"
        """,
    )
    project.write("data/repo.json", "[1]")
    project.append(
        CATALOG, "work: {type: toy.datasets.WorkingFile, filepath: data/repo.json}\n"
    )
    project.edit(
        "src/toy/nodes.py", "def summarise(scaled)", "def summarise(scaled, work)"
    )
    project.edit(
        "src/toy/pipeline_registry.py",
        'nodes.summarise, "scaled"',
        'nodes.summarise, ["scaled", "work"]',
    )
    assert project.run().ran == ["summarise"]

    project.write("data/repo.json", "[1, 2]")

    assert project.run().ran == []


def test_catalog_validator_and_its_code_count(project: Project) -> None:
    project.write(
        "src/toy/checks.py",
        """
        LEAST = 0


        def check(data):
            if min(data) < LEAST:
                raise ValueError("too small")
            return data
        """,
    )
    project.edit(
        CATALOG,
        "filepath: data/numbers.json}",
        "filepath: data/numbers.json, validator: toy.checks.check}",
    )
    assert project.run().ran == ["parse", "scale"]

    project.edit("src/toy/checks.py", "LEAST = 0", "LEAST = 2")

    failed = project.kedro("run")
    assert failed.code != 0
    assert "too small" in failed.output.replace("\n", " ")


def test_pattern_cached_versioned_and_partitioned_datasets_are_skipped(
    project: Project,
) -> None:
    project.write(
        CATALOG,
        """
        raw: {type: text.TextDataset, filepath: data/raw.txt}
        numbers: {type: json.JSONDataset, filepath: data/numbers.json, versioned: true}
        scaled:
          type: CachedDataset
          dataset: {type: json.JSONDataset, filepath: data/scaled.json}
        "{name}": {type: json.JSONDataset, filepath: "data/{name}.json"}
        report:
          type: partitions.PartitionedDataset
          path: data/report
          dataset: text.TextDataset
          filename_suffix: .txt
          overwrite: true
        """,
    )
    (project.path / "data/numbers.json").unlink()
    project.edit(
        "src/toy/nodes.py",
        "return f\"{options['title']}",
        "return {'one': f\"{options['title']}",
    )
    project.edit(
        "src/toy/nodes.py", "{options['digits']}f}\"", "{options['digits']}f}\"}"
    )
    assert project.run().ran == ["parse", "scale", "render"]
    assert project.run().ran == []

    (project.path / "data/report/one.txt").write_text("edited")

    assert project.run().ran == []  # restored
    assert (project.path / "data/report/one.txt").read_text() == "Numbers: 12.0"


def test_version_of_a_package_that_a_node_mentions_counts(project: Project) -> None:
    project.write("site/site-packages/gauge/__init__.py", "SIZE = 1")
    project.write(
        "site/site-packages/gauge-1.0.dist-info/METADATA", "Name: gauge\nVersion: 1.0"
    )
    project.environment["PYTHONPATH"] = ":".join(
        str(project.path / folder) for folder in ("src", "site/site-packages")
    )
    project.edit(
        "src/toy/constants.py", "OFFSET = 0", "import gauge\n\nOFFSET = gauge.SIZE"
    )
    assert project.run().ran == ["scale", "summarise", "render"]

    (project.path / "site/site-packages/gauge-1.0.dist-info").rename(
        project.path / "site/site-packages/gauge-2.0.dist-info"
    )
    project.write(
        "site/site-packages/gauge-2.0.dist-info/METADATA", "Name: gauge\nVersion: 2.0"
    )

    result = project.run()
    assert result.ran == ["scale"]
    assert result.line("scale").endswith("package gauge 1.0 → 2.0")

    project.write("conf/base/cache.yml", "cache: {count_versions: false}")
    project.run()
    (project.path / "site/site-packages/gauge-2.0.dist-info").rename(
        project.path / "site/site-packages/gauge-3.0.dist-info"
    )
    assert project.run().ran == []


def test_every_environment_has_its_own_receipts(project: Project) -> None:
    project.write(
        "conf/other/catalog.yml",
        """
        report: {type: text.TextDataset, filepath: data/other_report.txt}
        """,
    )
    project.write("conf/other/parameters.yml", "report: {title: Other, digits: 0}")

    assert project.run("--env", "other").ran == ["render"]
    assert project.run().ran == []
    assert project.run("--env", "other").ran == []
    assert (project.path / "data/other_report.txt").read_text() == "Other: 12"


def test_unknown_option_in_cache_yml_is_refused(project: Project) -> None:
    project.write("conf/base/cache.yml", "cache: {sise: 3}")

    result = project.kedro("run")

    assert result.code != 0
    assert "cache.yml sets 'sise'; choose from:" in result.output


@pytest.mark.parametrize("option", ["packages", "named_imports"])
@pytest.mark.parametrize("value", ["toy", ["toy", 3], None])
def test_an_option_that_is_no_list_of_names_is_refused(
    option: str, value: object
) -> None:
    message = rf"cache\.{option} is {re.escape(repr(value))}; write a list of names"
    with pytest.raises(ValueError, match=message):
        CacheOptions(**{option: value})  # type: ignore[arg-type]  # what YAML holds


@pytest.mark.parametrize("name", ["no_such_package", "json.decoder", ""])
def test_a_package_that_cannot_be_found_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"names '{name}', which is no top-level"):
        CacheOptions(packages=("json", name))


def test_code_that_a_parameter_names_counts(project: Project) -> None:
    project.edit(
        "conf/base/parameters.yml", "factor: 2", "factor: {by: own_code.factor}"
    )
    project.write(
        "src/own_code.py",
        "from own_numbers import two\n\n\ndef factor():\n    return two()",
    )
    project.write("src/own_numbers.py", "def two():\n    return 2")
    project.write(
        "conf/base/cache.yml", "cache: {named_imports: [toy.arithmetic.multiply]}"
    )
    project.edit(
        "src/toy/arithmetic.py",
        "    return [number * factor",
        "    from importlib import import_module\n\n"
        '    module, name = factor["by"].split(".")\n'
        "    factor = getattr(import_module(module), name)()\n"
        "    return [number * factor",
    )
    assert project.run().ran == ["scale"]
    project.edit("src/toy/constants.py", "UNRELATED = 1", "UNRELATED = 2")
    assert project.run().ran == []

    project.write("src/own_numbers.py", "def two():\n    return 3")

    result = project.run()
    assert result.ran == ["scale", "summarise", "render"]
    assert "code changed (own_numbers.two)" in result.line("scale")
    assert project.outputs() == project.from_scratch()


def test_status_of_a_cache_that_is_off_says_so(project: Project) -> None:
    project.write("conf/base/cache.yml", "cache: {enabled: false}")

    status = project.kedro("cache", "status")

    assert status.code == 0
    assert status.output == "The cache is off: cache.yml sets enabled to false.\n"
