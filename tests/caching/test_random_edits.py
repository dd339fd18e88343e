"""Whatever is edited, deleted or killed: a cached run equals an uncached one."""

import shutil
from pathlib import Path

import pytest

from caching.random_project import RandomProject

pytestmark = pytest.mark.slow

NUM_BLOCKS, SEEDS_PER_BLOCK, NUM_EDITS = 10, 30, 5


@pytest.mark.parametrize("block", range(NUM_BLOCKS))
def test_cached_run_equals_uncached_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    seeds = range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK)
    print(f"seeds {seeds.start} to {seeds.stop - 1}")  # noqa: T201

    for seed in seeds:
        project = RandomProject(tmp_path / str(seed), seed)
        for _ in range(NUM_EDITS):
            project.run()
            assert project.outputs() == project.expected(), (seed, project.history)
            assert project.leftovers() == [], (seed, project.history)
            project.edit()
        shutil.rmtree(project.folder)
