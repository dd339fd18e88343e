"""Speed, memory and size of ingestion on 100,000 trajectories (about 2 GB).

Run by name: `pytest -m benchmark -s tests/benchmarks/test_ingestion.py`. Needs 8 GB of
disk; `PIVOTRL_BENCHMARK_ROWS=10000` takes a tenth of the rows. Everything is made from
one seed; the text is of random words, which compress about as well as logs do. What
depends on the policy, measuring the prompts, is not part of it.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pivotrl_pipeline.formats.expected_actions import make_expected_action
from pivotrl_pipeline.formats.responses_items import messages_to_items
from pivotrl_pipeline.records.messages import dump_json

pytestmark = pytest.mark.benchmark

NUM_TRAJECTORIES = int(os.environ.get("PIVOTRL_BENCHMARK_ROWS", "100000"))
TURNS = (8, 40)
MAX_BYTES = 1.5e9
INGEST = """
import json, resource, sys, time
from pathlib import Path
from pivotrl_pipeline.datasets.raw_rows_dataset import RawRowsDataset
from pivotrl_pipeline.datasets.table_dataset import TableDataset
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.formats.ingestion.ingest import ingest_trajectories
folder = Path(sys.argv[1])
settings = IngestionSettings(
    "openai", only_successful=False, validation_rate=0.1, seed=0, max_rejected_rate=0.0
)

def read_clocks():
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [sum(resource.getrusage(each)[:2]) for each in who]
    return time.monotonic(), sum(used)

if __name__ == "__main__":
    from pivotrl_pipeline.records.tables import PivotCandidates, Trajectories
    clocks = [read_clocks()]
    rows = RawRowsDataset(filepath=str(folder / "runs.jsonl")).load()
    tables = ingest_trajectories(rows, [], settings)
    clocks.append(read_clocks())
    for name, schema in (
        ("trajectories", Trajectories), ("pivot_candidates", PivotCandidates)
    ):
        table = schema.validate(getattr(tables, name), lazy=True)
        TableDataset(filepath=folder / f"{name}.parquet").save(table)
    clocks.append(read_clocks())
    print(json.dumps([clocks, len(tables.pivot_candidates)]))
"""


def _make_rows(num_rows: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(5000)]
    texts = [" ".join(rng.choices(words, k=rng.randint(30, 150))) for _ in range(4000)]
    for number in range(num_rows):
        yield {
            "trajectory_id": f"run-{number}",
            "task_id": f"task-{number // 4}",
            "success": number % 2 == 0,
            "messages": _make_messages(rng, texts, rng.randint(*TURNS)),
        }


def _make_messages(
    rng: random.Random, texts: list[str], num_turns: int
) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": texts[0]},
        {"role": "user", "content": rng.choice(texts)[:200]},
    ]
    for turn in range(num_turns - 1):
        arguments = json.dumps({"query": rng.choice(texts)[:40], "limit": turn})
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": "search", "arguments": arguments},
        }
        results = json.dumps({"results": rng.choice(texts), "page": turn})
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": results},
        ]
    return [*messages, {"role": "assistant", "content": rng.choice(texts)[:300]}]


def _measure_pivot_rows(messages: list[dict[str, Any]]) -> int:
    """Bytes of the same candidates as NeMo-Gym rows, each with its whole history."""
    total = prefix = 0
    for message in messages:
        if message["role"] == "assistant":
            total += prefix + len(dump_json(make_expected_action(message)))
        prefix += sum(len(dump_json(item)) + 1 for item in messages_to_items([message]))
    return total


def test_ingestion_of_many_long_trajectories(tmp_path: Path) -> None:
    num_rows, num_turns, pivot_bytes = NUM_TRAJECTORIES, 0, 0
    with (tmp_path / "runs.jsonl").open("w") as file:
        for row in _make_rows(num_rows):
            file.write(json.dumps(row) + "\n")
            num_turns += sum(m["role"] == "assistant" for m in row["messages"])
            pivot_bytes += _measure_pivot_rows(row["messages"])
    raw_bytes = (tmp_path / "runs.jsonl").stat().st_size

    with subprocess.Popen(
        [sys.executable, "-c", INGEST, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        peak = _watch_memory(process)
        assert process.stdout is not None
        output = process.stdout.read()

    clocks, found = json.loads(output.splitlines()[-1])
    parquet_bytes = sum(path.stat().st_size for path in tmp_path.glob("*.parquet"))
    sys.stdout.write(
        f"\n{num_rows:,} trajectories, {num_turns / num_rows:.1f} turns each, "
        f"{raw_bytes / 1e9:.2f} GB\n"
        f"to tables: {_render_speed(raw_bytes, clocks[:2])}\n"
        f"to Parquet: {_render_speed(raw_bytes, clocks[::2])}\n"
        f"peak memory of all processes {peak / 1e9:.2f} GB\n"
        f"Parquet {parquet_bytes / 1e9:.3f} GB, NeMo-Gym rows "
        f"{pivot_bytes / 1e9:.2f} GB: {pivot_bytes / parquet_bytes:.1f} times\n"
    )
    assert process.returncode == 0
    assert found == num_turns
    assert pivot_bytes / parquet_bytes > num_turns / num_rows / 3
    assert peak < MAX_BYTES


def _render_speed(num_bytes: int, clocks: list[list[float]]) -> str:
    """Megabytes per second between two readings of the clocks."""
    (start, start_used), (end, end_used) = clocks
    return (
        f"{num_bytes / 1e6 / (end - start):.0f} MB/s, "
        f"{num_bytes / 1e6 / (end_used - start_used):.0f} MB per processor second"
    )


def _watch_memory(process: "subprocess.Popen[str]") -> int:
    """Most bytes that the process and its children held at one time.

    Pages of files do not count: the system drops them when it needs their room.
    """
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_count_anonymous, _find_tree(process.pid))))
        time.sleep(0.1)
    return peak


def _find_tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _find_tree(int(child)))]


def _count_anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    values = [line.split()[1] for line in lines if line.startswith("RssAnon:")]
    return 1024 * sum(map(int, values))
