"""What the nodes of this project depend on."""

from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from pivotrl_pipeline.caching.cache import Cache, Project
from pivotrl_pipeline.caching.code import Code, CodeFingerprint
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.modules import Modules
from pivotrl_pipeline.caching.options import CacheOptions
from pivotrl_pipeline.caching.resolution import Resolver

PROJECT = Path(__file__).parents[2]
PACKAGE = "pivotrl_pipeline"
TRAINING = ("update_policy", "train_supervised", "train_end_to_end")


@pytest.fixture(scope="module")
def fingerprints() -> dict[str, tuple[Node, CodeFingerprint]]:
    """By name, of every node that there is."""
    bootstrap_project(PROJECT)
    memory = Memory(None)
    contents = Contents(memory)
    modules = Modules([PACKAGE], memory, contents)
    named_imports = [f"{PACKAGE}.verifiers.imported.import_object"]
    code = Code(modules, Resolver(modules, named_imports), contents, memory)
    nodes = {n.name: n for pipeline in pipelines.values() for n in pipeline.nodes}
    return {name: (node, code.fingerprint(node.func)) for name, node in nodes.items()}


def test_no_node_depends_on_the_files_beside_its_code(
    fingerprints: dict[str, tuple[Node, CodeFingerprint]],
) -> None:
    beside = {
        name: sorted(symbol for symbol in found.symbols if "/" in symbol)
        for name, (_, found) in fingerprints.items()
    }

    assert {name: files for name, files in beside.items() if files} == {}


def test_trainings_depend_on_what_trains_and_not_on_what_reports_or_caches(
    fingerprints: dict[str, tuple[Node, CodeFingerprint]],
) -> None:
    trainings = {
        name: found.symbols
        for name, (_, found) in fingerprints.items()
        if name.rpartition(".")[2] in TRAINING
    }

    assert len(trainings) > len(TRAINING)
    for name, symbols in trainings.items():
        packages = {symbol.split(".")[1] for symbol in symbols}
        assert f"{PACKAGE}.rl.training_loop.run_updates" in symbols, name
        assert f"{PACKAGE}.policies.sampler.sample_rows" in symbols, name
        assert not packages & {"reporting", "caching", "evaluation", "datasets"}, name


def read_recipes(
    folder: Path, pipeline: Pipeline, **section: dict[str, float | int]
) -> dict[str, str]:
    """Digests of what each node's outputs depend on beside its inputs, by name."""
    with KedroSession.create(PROJECT, runtime_params=section) as session:
        catalog = session.load_context().catalog
    cache = Cache(
        Project(PROJECT, PACKAGE, CacheOptions(path=str(folder))), pipeline, catalog
    )
    recipes = {n.name: cache.recipes.of(n).digest for n in pipeline.nodes}
    cache.memory.close()
    return recipes


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields'")  # Kedro does
def test_another_interval_asks_no_policy_again(tmp_path: Path) -> None:
    bootstrap_project(PROJECT)
    pipeline = sum((pipelines[n] for n in ("compare", "ablate")), pipelines["pivot"])
    before = read_recipes(tmp_path, pipeline)

    def find_affected(**section: dict[str, float | int]) -> set[str]:
        after = read_recipes(tmp_path, pipeline, **section)
        changed = [name for name in before if before[name] != after[name]]
        affected = pipeline.from_nodes(*changed).nodes
        return {node.name.rpartition(".")[2] for node in affected}

    summaries = {
        *("summarise_evaluation", "report_run"),
        *("compare_methods", "report_comparison", "contrast_ablation"),
    }
    assert find_affected(evaluation_summary={"confidence": 0.5}) == summaries
    assert find_affected(evaluation_summary={"num_resamples": 100}) == summaries
    assert find_affected(ood_evaluation={"max_new_tokens": 7}) == summaries | {
        *("evaluate_initial_policy", "evaluate_trained_policy"),
        *("evaluate_cell", "collect_cells"),
    }
