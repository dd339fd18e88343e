"""The project as a whole: catalog, parameters, imports."""

import subprocess
import sys
import typing
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from pivotrl_pipeline.pipelines import cells

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def registered() -> dict[str, object]:
    bootstrap_project(PROJECT)
    return dict(pipelines)


@pytest.fixture(scope="module")
def catalog_entries() -> set[str]:
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        config = session.load_context().config_loader["catalog"]
    return {name for name in config if not name.startswith("_")}


def test_pivot_is_the_six_stages_and_the_default(registered: dict) -> None:
    stages = [
        *("ingestion", "rollout_sampling", "variance_computation"),
        *("pivot_selection", "rl_update", "ood_evaluation"),
    ]
    nodes = {node.name for stage in stages for node in registered[stage].nodes}

    assert {node.name for node in registered["pivot"].nodes} == nodes
    assert registered["__default__"].describe() == registered["pivot"].describe()


def test_every_dataset_is_declared_and_every_entry_used(
    registered: dict, catalog_entries: set[str]
) -> None:
    used = {
        name
        for pipeline in registered.values()
        for name in pipeline.datasets()
        if not name.startswith("params:") and name != "parameters"
    }

    patterns = {name for name in catalog_entries if "{" in name}
    in_cells = {name for name in used if "." in name}
    assert used - in_cells == catalog_entries - patterns
    # grid.cell.table: a pattern for each table, and none that nobody writes
    tables = {name.rpartition(".")[2] for name in in_cells}
    assert {name.rpartition(".")[2] for name in patterns} == tables


def test_grids_are_those_of_the_session_that_was_opened_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_run_folders", ())
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    (tmp_path / "base").symlink_to(PROJECT / "conf/base")
    for environment, seed in (("local", 5), ("other", 7)):
        (tmp_path / environment).mkdir()
        grid = f"compare: {{seeds: [{seed}]}}\n"
        (tmp_path / environment / "parameters_compare.yml").write_text(grid)
    bootstrap_project(PROJECT)

    seeds = []
    for env in ("other", None):
        with KedroSession.create(
            PROJECT, env=env, conf_source=str(tmp_path)
        ) as session:
            session.load_context()
        names = {node.namespace or "" for node in pipelines["compare"].nodes}
        seeds.append({n.rpartition("_")[2] for n in names if "_seed_" in n})

    assert seeds == [{"7"}, {"5"}]


def test_node_names_are_function_names(registered: dict) -> None:
    names = {
        (node.name.rpartition(".")[2], node.func.__name__)
        for pipeline in registered.values()
        for node in pipeline.nodes
    }

    assert all(name == function for name, function in names)


def test_registry_imports_neither_torch_nor_transformers() -> None:
    script = (
        "import sys\n"
        "from kedro.framework.startup import bootstrap_project\n"
        f"bootstrap_project({str(PROJECT)!r})\n"
        "from kedro.framework.project import pipelines\n"
        "dict(pipelines)\n"
        "heavy = {'torch', 'transformers', 'pandera', 'plotly'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_kedro_can_resolve_the_hints_of_every_node(registered: dict) -> None:
    # Where it cannot, parameters arrive as unchecked dicts, with a warning at most.
    functions = {n.func for pipeline in registered.values() for n in pipeline.nodes}

    hints = [typing.get_type_hints(function) for function in functions]

    assert all("return" in each for each in hints)
