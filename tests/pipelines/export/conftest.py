"""A policy folder with random weights, and tables that lead up to an export."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories


def _tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def _call(name: str, city: str) -> dict[str, Any]:
    function = {"name": name, "arguments": f'{{"city":"{city}"}}'}
    return {"type": "function", "function": function}


def _row(task: int) -> dict[str, Any]:
    calls = [_call("get_weather", "Oslo"), _call("get_time", "Oslo")]
    return {
        "trajectory_id": f"run-{task}",
        "task_id": f"task-{task}",
        "domain": "weather",
        "messages": [
            {"role": "user", "content": f"Weather in Oslo? {task}"},
            {"role": "assistant", "content": None, "tool_calls": calls[:1]},
            {"role": "tool", "content": "rain"},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "content": "rain"},
            {"role": "tool", "content": "12:00"},
            {"role": "assistant", "content": "Rain at 12:00."},
        ],
    }


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """`trajectories`, `pivot_candidates` and `pivots`: two pivots a training task."""
    settings = IngestionSettings(
        "openai",
        only_successful=False,
        validation_rate=0.4,
        seed=0,
        max_rejected_rate=0.0,
    )
    tools = [_tool("get_weather"), _tool("get_time")]
    ingested = ingest_trajectories([_row(task) for task in range(8)], tools, settings)
    splits = ingested.trajectories.set_index("trajectory_id")["split"]
    candidates = ingested.pivot_candidates
    is_pivot = (candidates["turn_index"] < 2) & (
        candidates["trajectory_id"].map(splits) == "train"
    )
    keys = ["candidate_id", "trajectory_id", "turn_index", "message_index"]
    pivots = candidates.loc[is_pivot, keys].reset_index(drop=True)
    return {
        "trajectories": ingested.trajectories,
        "pivot_candidates": candidates,
        "pivots": pivots.assign(
            verifier="functional",
            num_rollouts=8,
            reward_mean=0.25,
            reward_variance=0.1875,
            num_excluded=0,
            weight=1.0,
        ),
    }


@pytest.fixture(scope="session")
def policy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3 with a few thousand random weights, its tokenizer and its template."""
    pytest.importorskip("transformers")
    from tests.pipelines.random_policy import write_policy

    folder = tmp_path_factory.mktemp("policy")
    write_policy(folder, ["weather"])
    return folder
