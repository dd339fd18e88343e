"""Samples that the store keeps are those that sampling here and now would give."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.pipelines.small_project import make_small_catalog

from pivotrl_pipeline.pipelines.rollout_sampling.nodes import sample_rollouts
from pivotrl_pipeline.sampling.rollout_store import RolloutStore

NUM_TURNS = 4


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = make_small_catalog(tmp_path_factory.mktemp("run"))
    from kedro.framework.project import pipelines

    SequentialRunner().run(pipelines["ingestion"], catalog)
    return catalog


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def _sample(
    catalog: DataCatalog,
    folder: Path,
    *,
    threads: int = 1,
    engine: str = "a",
    **changes: Any,
) -> pd.DataFrame:
    torch.set_num_threads(threads)
    candidates = catalog.load("pivot_candidates").head(NUM_TURNS)
    trajectories = catalog.load("trajectories")
    rollouts, _ = sample_rollouts(
        trajectories[trajectories["trajectory_id"].isin(candidates["trajectory_id"])],
        candidates,
        catalog.load("initial_policy"),
        RolloutStore(folder, engine),
        catalog.load("params:policy").model_copy(update=changes),
        catalog.load("params:rollout_sampling"),
    )
    return rollouts


def test_another_number_of_threads_or_another_engine_samples_afresh(
    catalog: DataCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shared, own = tmp_path / "shared", tmp_path / "own"
    one = _sample(catalog, shared, threads=1)
    two = _sample(catalog, shared, threads=2)
    _sample(catalog, shared, threads=1, engine="b")
    alone = _sample(catalog, own, threads=2)
    assert "come from the rollout store" not in caplog.text

    again = _sample(catalog, shared, threads=1)

    assert "come from the rollout store" in caplog.text
    pd.testing.assert_frame_equal(two, alone, check_exact=True)
    pd.testing.assert_frame_equal(one, again, check_exact=True)


def test_a_run_that_ran_out_of_memory_goes_on_with_less(
    catalog: DataCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = _sample(catalog, tmp_path)

    after = _sample(catalog, tmp_path, max_tokens_in_flight=64)

    assert "come from the rollout store" in caplog.text
    pd.testing.assert_frame_equal(before, after, check_exact=True)
