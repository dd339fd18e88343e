"""The demonstrations pipeline writes the committed file again, byte for byte."""

import json
from pathlib import Path

from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from pivotrl_pipeline.parameters.demonstrations import DemonstrationsParameters
from pivotrl_pipeline.pipelines.demonstrations import create_pipeline
from pivotrl_pipeline.pipelines.demonstrations.nodes import write_demonstrations

RAW = Path(__file__).parents[3] / "data" / "01_raw"


def test_the_committed_trajectories_are_what_the_pipeline_writes() -> None:
    lines = (RAW / "order_desk_trajectories.jsonl").read_text("utf-8").splitlines()
    tools = json.loads((RAW / "order_desk_tools.json").read_text("utf-8"))
    parameters = DemonstrationsParameters(num_tasks_by_tier={"short": 40})

    text, written_tools = write_demonstrations(parameters)

    assert text.splitlines() == lines[:40]
    assert written_tools == tools


def test_the_committed_trajectories_are_three_hundred_successes() -> None:
    lines = (RAW / "order_desk_trajectories.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    assert len({row["task_id"] for row in rows}) == len(rows) == 300
    assert all(row["success"] for row in rows)
    assert [row["metadata"]["tier"] for row in rows] == ["short"] * 200 + ["long"] * 100


def test_the_pipeline_runs_on_a_catalog_in_memory() -> None:
    parameters = DemonstrationsParameters(num_tasks_by_tier={"short": 2, "long": 1})
    catalog = DataCatalog({"params:demonstrations": MemoryDataset(parameters)})

    outputs = SequentialRunner().run(create_pipeline(), catalog)

    rows = outputs["order_desk_trajectories"].load().splitlines()
    assert [json.loads(row)["trajectory_id"] for row in rows] == [
        "desk-0000",
        "desk-0001",
        "desk-0002",
    ]
