import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from pivotrl_pipeline.datasets.raw_rows_dataset import RawRowsDataset
from pivotrl_pipeline.datasets.table_dataset import TableDataset
from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.parameters.ingestion import IngestionParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.pipelines.ingestion import create_pipeline
from pivotrl_pipeline.pipelines.ingestion.nodes import check_demonstrations
from pivotrl_pipeline.records.tables import DemonstrationCheck

PROJECT = Path(__file__).parents[3]
SHARED_DATA = PROJECT.parent / "shared" / "data"
needs_tau_bench = pytest.mark.skipif(
    not (SHARED_DATA / "tau_bench_airline_gpt-4o.json").exists(),
    reason="the recorded tau-bench runs are not beside this checkout",
)
needs_nemo_gym = pytest.mark.skipif(
    not (SHARED_DATA / "nemo_gym_swe_pivot.jsonl").exists(),
    reason="the NeMo-Gym rows are not beside this checkout",
)


def _run(raw: Any, tools: list[Any], **changes: object) -> dict[str, pd.DataFrame]:
    values = {
        "format": "detect",
        "only_successful": False,
        "validation_rate": 0.1,
        "seed": 0,
        "max_rejected_rate": 0.05,
    }
    parameters = IngestionParameters.model_validate(values | changes)
    catalog = DataCatalog(
        {
            "raw_trajectories": raw,
            "raw_tools": MemoryDataset(tools),
            "params:ingestion": MemoryDataset(parameters),
        }
    )
    pipeline = create_pipeline().filter(node_names=["ingest_trajectories"])
    outputs = SequentialRunner().run(pipeline, catalog)
    return {name: dataset.load() for name, dataset in outputs.items()}


def _run_tau_bench(**changes: object) -> dict[str, pd.DataFrame]:
    raw = RawRowsDataset(filepath=str(SHARED_DATA / "tau_bench_airline_gpt-4o.json"))
    tools = json.loads((SHARED_DATA / "tau_bench_airline_tools.json").read_text())
    return _run(raw, tools, **changes)


@needs_tau_bench
def test_all_tau_bench_runs_become_trajectories() -> None:
    outputs = _run_tau_bench()

    assert len(outputs["trajectories"]) == 200
    assert len(outputs["unmeasured_candidates"]) == 2454
    assert len(outputs["rejected_trajectories"]) == 0
    assert outputs["trajectories"]["task_id"].nunique() == 50
    assert outputs["trajectories"]["success"].sum() == 84


@needs_tau_bench
def test_successful_tau_bench_runs_alone_when_asked_for() -> None:
    outputs = _run_tau_bench(only_successful=True)

    assert len(outputs["trajectories"]) == 84
    assert len(outputs["unmeasured_candidates"]) == 829
    assert outputs["rejected_trajectories"]["reason"].tolist() == (
        ["not_successful"] * 116
    )


@needs_tau_bench
def test_states_and_actions_of_tau_bench_are_the_recorded_ones() -> None:
    runs = json.loads((SHARED_DATA / "tau_bench_airline_gpt-4o.json").read_text())

    outputs = _run_tau_bench()

    messages = [json.loads(text) for text in outputs["trajectories"]["messages"]]
    assert messages == [run["traj"] for run in runs]
    candidates = outputs["unmeasured_candidates"]
    places = zip(candidates["trajectory_id"], candidates["message_index"], strict=True)
    ids = outputs["trajectories"]["trajectory_id"].tolist()
    recorded = [messages[ids.index(key)][index] for key, index in places]
    assert list(map(json.loads, candidates["demonstrated_action"])) == recorded


def _check(outputs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    path = PROJECT / "conf" / "base" / "parameters_variance_computation.yml"
    values = yaml.safe_load(path.read_text("utf-8"))["variance_computation"]
    return check_demonstrations(
        outputs["trajectories"],
        outputs["unmeasured_candidates"],
        VarianceComputationParameters.model_validate(values),
    )


@needs_tau_bench
def test_every_demonstration_of_tau_bench_passes_its_verifiers() -> None:
    failing = _check(_run_tau_bench())

    assert len(DemonstrationCheck.validate(failing)) == 0


@needs_nemo_gym
@pytest.mark.parametrize(
    ("name", "num_turns"),
    [
        ("nemo_gym_single_step_tool_use.jsonl", 20),
        ("nemo_gym_swe_pivot.jsonl", 5),
        ("nemo_gym_workplace_rollouts.jsonl", 13),
    ],
)
def test_every_demonstration_of_nemo_gym_passes_its_verifiers(
    name: str, num_turns: int
) -> None:
    rows = RawRowsDataset(filepath=str(SHARED_DATA / name))

    outputs = _run(rows, [], max_rejected_rate=0.0)

    assert len(outputs["unmeasured_candidates"]) == num_turns
    assert len(DemonstrationCheck.validate(_check(outputs))) == 0


def test_every_demonstration_of_the_desk_passes_its_verifiers() -> None:
    raw = PROJECT / "data" / "01_raw"
    tools = json.loads((raw / "order_desk_tools.json").read_text("utf-8"))
    rows = RawRowsDataset(filepath=str(raw / "order_desk_trajectories.jsonl"))

    failing = _check(_run(rows, tools))

    assert len(DemonstrationCheck.validate(failing)) == 0


def test_demonstration_that_breaks_its_schema_is_flagged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "count", "parameters": schema}}
    call = {"id": "c", "type": "function"}
    calls = [{**call, "function": {"name": "count", "arguments": '{"n": "many"}'}}]
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
    ]
    row = {"trajectory_id": "run", "messages": messages, "tools": [tool]}

    failing = _check(_run(MemoryDataset([row]), []))

    rows = DemonstrationCheck.validate(failing).to_dict("records")
    assert [
        (row["candidate_id"], row["verifier"], row["reward"], row["reason"])
        for row in rows
    ] == [("run#0", "functional", 0.0, "schema_violation")]
    assert "1 of 1 demonstrated actions fail verifier 'functional'" in caplog.text


def test_rows_in_memory_need_no_file() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "o"},
    ]

    outputs = _run(MemoryDataset([{"messages": messages}]), [])

    assert len(outputs["unmeasured_candidates"]) == 1


def test_a_run_that_fails_leaves_no_file(tmp_path: Path) -> None:
    parameters = IngestionParameters(
        format="openai",
        only_successful=False,
        validation_rate=0.1,
        seed=0,
        max_rejected_rate=0.05,
    )
    names = ["trajectories", "unmeasured_candidates", "rejected_trajectories"]
    inputs = {
        "raw_trajectories": MemoryDataset([{"messages": []}]),
        "raw_tools": MemoryDataset([]),
        "params:ingestion": MemoryDataset(parameters),
    }
    outputs = {n: TableDataset(filepath=tmp_path / f"{n}.parquet") for n in names}
    pipeline = create_pipeline().filter(node_names=["ingest_trajectories"])

    with pytest.raises(TrajectoryError, match="no_assistant_turn"):
        SequentialRunner().run(pipeline, DataCatalog({**inputs, **outputs}))

    assert list(tmp_path.iterdir()) == []
