"""What the nodes of this project depend on."""

from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node

from pivotrl_pipeline.caching.code import Code, CodeFingerprint
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.modules import Modules
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
