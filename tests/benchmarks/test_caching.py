"""What the cache costs: ``pytest tests/benchmarks/test_caching.py -s``."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from caching.toy_project import make_project
from pivotrl_pipeline.caching.cache import Project
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.engine import CachedRun
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.options import CacheOptions, RunOptions

pytestmark = pytest.mark.benchmark

NUM_NODES = 1000
PAIRS = 7


def copy_value(value: int) -> int:
    return value


def report(what: str, value: str) -> None:
    print(f"{what}: {value}")  # noqa: T201


def kedro_seconds(folder: Path, environment: dict[str, str], *arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def test_nothing_to_do_costs_little_more_than_listing_the_pipelines(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path / "toy")
    environment = project.variables()
    environment.pop("PYTHONDONTWRITEBYTECODE")
    kedro_seconds(project.path, environment, "run")
    kedro_seconds(project.path, environment, "run")

    pairs = [
        (
            kedro_seconds(project.path, environment, "run"),
            kedro_seconds(project.path, environment, "registry", "list"),
        )
        for _ in range(PAIRS)
    ]

    ratio = statistics.median(run / listing for run, listing in pairs)
    listing = statistics.median(listing for _, listing in pairs)
    report("kedro registry list", f"{listing:.2f} s")
    report("kedro run with nothing to do, over it", f"{ratio:.2f}")
    assert ratio < 2


def _chain(folder: Path) -> tuple[Pipeline, DataCatalog]:
    """A thousand nodes, each of which copies a small file."""
    nodes = [
        Node(copy_value, f"d{i}", f"d{i + 1}", name=f"n{i}") for i in range(NUM_NODES)
    ]
    (folder / "data").mkdir(exist_ok=True)
    entries = {
        f"d{i}": {
            "type": "json.JSONDataset",
            "filepath": (folder / "data" / f"d{i}.json").as_posix(),
        }
        for i in range(NUM_NODES + 1)
    }
    return Pipeline(nodes), DataCatalog.from_config(entries)


def _run(folder: Path, options: CacheOptions) -> float:
    pipeline, catalog = _chain(folder)
    run = CachedRun(
        Project(folder, "benchmarks", options),
        pipeline,
        catalog,
        RunOptions(),
        loaded_nanoseconds=time.time_ns(),
    )
    started = time.perf_counter()
    run.execute(SequentialRunner(), None, "run")
    return time.perf_counter() - started


def test_overhead_per_node(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d0.json").write_text("0")
    pipeline, catalog = _chain(tmp_path)
    started = time.perf_counter()
    SequentialRunner().run(pipeline, catalog)
    stock = time.perf_counter() - started

    without_store = CacheOptions(store_gigabytes=0, path="other")
    cold = _run(tmp_path, CacheOptions())
    warm = _run(tmp_path, CacheOptions())
    cold_without_store = _run(tmp_path, without_store)
    (tmp_path / "data" / "d0.json").write_text("1")
    changed = _run(tmp_path, CacheOptions())

    report("1,000 nodes, Kedro's runner", f"{stock:.2f} s")
    report("1,000 nodes, cold cache", f"{cold:.2f} s")
    report(
        "1,000 nodes, cold cache, no previous outputs", f"{cold_without_store:.2f} s"
    )
    report("1,000 nodes, everything skipped", f"{warm:.2f} s")
    report("1,000 nodes, input changed", f"{changed:.2f} s")
    assert warm < cold


def test_digest_of_a_large_table(tmp_path: Path) -> None:
    import numpy as np

    file = tmp_path / "table.parquet"
    values = np.random.default_rng(0).random((4_000_000, 32))
    pd.DataFrame(values, columns=[f"c{i}" for i in range(32)]).to_parquet(file)
    contents = Contents(Memory(None))
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        contents.digest(file)
        seconds.append(time.perf_counter() - started)

    size = file.stat().st_size / 1e9
    report(f"digest of {size:.2f} GB, first", f"{seconds[0]:.2f} s")
    report(f"digest of {size:.2f} GB, again", f"{seconds[1] * 1e3:.2f} ms")
    assert seconds[1] < 0.05
