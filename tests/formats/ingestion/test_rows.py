"""What `raw_trajectories` may load."""

import json
from collections.abc import Iterator

import pandas as pd
import pytest
from tests.formats.ingestion.ingesting import ingest, make_row

from pivotrl_pipeline.errors import ConfigurationError


def test_rows_may_be_a_frame() -> None:
    frame = pd.DataFrame([make_row("a", success=True), make_row("b")])

    trajectories = ingest(frame).trajectories

    assert trajectories["success"].tolist() == [True, pd.NA]


def test_rows_may_come_from_a_generator() -> None:
    def generate() -> Iterator[dict[str, object]]:
        yield make_row("a")
        yield make_row("b")

    assert len(ingest(generate()).trajectories) == 2


def test_rows_may_be_split_by_name() -> None:
    parts = {
        "train": [make_row("a")],
        "test": lambda: [make_row("b"), {"messages": []}],
    }

    result = ingest(parts)

    assert len(result.trajectories) == 2
    assert result.rejected_trajectories["detail"][0].startswith("test, row 2: ")


def test_hugging_face_datasets_are_rows_without_the_nulls_that_arrow_adds() -> None:
    datasets = pytest.importorskip("datasets")
    calls = [
        {"type": "function", "function": {"name": "f", "arguments": arguments}}
        for arguments in ({"a": 1}, {"b": "x"})
    ]
    rows = [{"messages": [{"role": "assistant", "tool_calls": [c]}]} for c in calls]

    candidates = ingest(datasets.Dataset.from_list(rows)).pivot_candidates

    # Arrow gives both argument objects the keys a and b
    messages = [json.loads(text) for text in candidates["demonstrated_action"]]
    arguments = [m["tool_calls"][0]["function"]["arguments"] for m in messages]
    assert arguments == ['{"a":1}', '{"b":"x"}']


def test_what_is_no_collection_of_rows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="raw_trajectories loads a int"):
        ingest(7)
