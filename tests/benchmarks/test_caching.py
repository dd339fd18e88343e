"""What the cache costs: ``pytest tests/benchmarks/test_caching.py -s``.

Times are CPU seconds of the process and its children, so that another load on the
machine counts little; what is compared is measured in turns.
"""

import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from pivotrl_pipeline.caching.cache import Project
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.engine import CachedRun
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.options import CacheOptions, RunOptions

pytestmark = pytest.mark.benchmark

PROJECT = Path(__file__).parents[2]
NUM_NODES = 1000
PAIRS = 7
MAIN_JOBS = 3
NUM_TRAJECTORIES = 24
REDUCED = """
rollout_sampling: {num_rollouts: 2, max_new_tokens: 24}
rl_update:
  num_updates: 4
  pivots_per_update: 2
  group_size: 2
  heldout_turns: 4
  max_new_tokens: 24
ood_evaluation: {tasks_per_tier: 3, items_per_skill: 1}
"""
"""The main job's own twelve nodes and catalog; seconds of work instead of minutes."""


def copy_value(value: int) -> int:
    return value


def report(what: str, value: str) -> None:
    print(f"{what}: {value}")  # noqa: T201


def kedro_seconds(project: Path, *arguments: str) -> float:
    """CPU seconds of one command."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KEDRO")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=project,
        env={**kept, "PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture
def main_project(tmp_path: Path) -> Path:
    """A copy of this project, not run yet, with less to do."""
    for name in ("src", "conf/base", "data/06_models/initial_policy"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / "conf/local").mkdir()
    (tmp_path / "conf/local/parameters.yml").write_text(REDUCED)
    raw = PROJECT / "data/01_raw"
    (tmp_path / "data/01_raw").mkdir()
    shutil.copy(raw / "order_desk_tools.json", tmp_path / "data/01_raw")
    lines = (raw / "order_desk_trajectories.jsonl").read_text().splitlines()
    few = "\n".join(lines[:NUM_TRAJECTORIES]) + "\n"
    (tmp_path / "data/01_raw/order_desk_trajectories.jsonl").write_text(few)
    return tmp_path


def forget(project: Path) -> None:
    """Removes everything that a run has made."""
    shutil.rmtree(project / ".kedro_cache", ignore_errors=True)
    for folder in (project / "data").iterdir():
        if folder.name == "06_models":
            for child in folder.iterdir():
                if child.name != "initial_policy":
                    shutil.rmtree(child)
        elif folder.name != "01_raw":
            shutil.rmtree(folder)


def test_nothing_to_do_costs_little_more_than_listing_the_pipelines(
    main_project: Path,
) -> None:
    kedro_seconds(main_project, "run")
    kedro_seconds(main_project, "run")
    kedro_seconds(main_project, "registry", "list")

    pairs = [
        (
            kedro_seconds(main_project, "run"),
            kedro_seconds(main_project, "registry", "list"),
        )
        for _ in range(PAIRS)
    ]

    ratio = statistics.median(run / listing for run, listing in pairs)
    listing = statistics.median(listing for _, listing in pairs)
    report("kedro registry list", f"{listing:.2f} s")
    report("kedro run with nothing to do, over it", f"{ratio:.2f}")
    assert ratio < 1.10


def test_the_main_job_with_the_cache_off_cold_and_warm(main_project: Path) -> None:
    kedro_seconds(main_project, "run")
    off, cold, warm = [], [], []
    for _ in range(MAIN_JOBS):
        forget(main_project)
        off.append(kedro_seconds(main_project, "run", "--no-cache"))
        forget(main_project)
        cold.append(kedro_seconds(main_project, "run"))
        warm.append(kedro_seconds(main_project, "run"))

    report("reduced main job, cache off", f"{statistics.median(off):.1f} s")
    report("reduced main job, cache cold", f"{statistics.median(cold):.1f} s")
    report("reduced main job, cache warm", f"{statistics.median(warm):.1f} s")
    overhead = statistics.median(c - o for c, o in zip(cold, off, strict=True))
    report("cold cache over none, whatever the job takes", f"{overhead:.2f} s")
    assert statistics.median(warm) < statistics.median(off) / 2


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


@pytest.fixture
def _silence() -> Iterator[None]:
    """Drawing a line on a terminal takes longer than what is measured."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_silence")
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
