"""A store of samples that outlives runs: what was sampled once is never sampled again.

The unit is one trajectory and one block of sample indices: everything that goes
through the policy in one `Policy.sample` call. Its key covers all that the samples
depend on, down to the arithmetic (the policy's weights, the engine's code, libraries,
device and number of threads, every prompt of the call, seeds, settings), so a stored
unit is, byte for byte, what sampling it again would give: a run continued with another
number of threads samples afresh rather than mix two. `policy.max_tokens_in_flight`
alone is left out, on purpose: who lowers it because memory ran out goes on, with
samples that may differ by rounding from those of the new value. Deleting the store
costs only time.

Units are flushed in shards: Parquet files named by their content, written beside and
renamed, so several processes can share a store and a kill loses at most the units
since the last flush.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pivotrl_pipeline.policies.base import Sample
from pivotrl_pipeline.records.messages import dump_json
from pivotrl_pipeline.records.rollouts import FinishReason

SHARD_SCHEMA = pa.schema(
    [
        ("unit", pa.string()),
        ("prompt_index", pa.int32()),
        ("block_index", pa.int32()),
        ("token_ids", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float32())),
        ("finish_reason", pa.string()),
        ("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What one call gave, and what it cost."""

    samples: list[list[Sample]]
    """By prompt, then by index within the block."""
    seconds: float
    """Wall time of the call, whenever it was made."""


def make_unit_key(scope: str, prompts: Sequence[Sequence[int]], seeds: object) -> str:
    """The address of one `Policy.sample` call.

    Args:
        scope: Covers the policy, the engine and the sampling settings.
        prompts: Token ids of each prompt, in the order of the call.
        seeds: JSON-able seeds of the call.
    """
    digest = hashlib.sha256(scope.encode())
    for prompt in prompts:
        digest.update(b"\x00%d:" % len(prompt))
        digest.update(",".join(map(str, prompt)).encode())
    digest.update(dump_json(seeds).encode())
    return digest.hexdigest()


@dataclass
class RolloutStore:
    """Samples on disk, by unit key."""

    folder: Path
    engine: str = ""
    """Of the code that samples; whoever makes keys gives it a place in their scope."""
    _known: dict[str, Path] = field(default_factory=dict, init=False)
    _indexed: set[Path] = field(default_factory=set, init=False)
    _pending: dict[str, Unit] = field(default_factory=dict, init=False)

    def find(self, keys: Sequence[str]) -> dict[str, Unit]:
        """The stored units among ``keys``; a damaged shard counts as absent."""
        self._index_shards()
        units = {key: self._pending[key] for key in keys if key in self._pending}
        wanted: dict[Path, list[str]] = {}
        for key in keys:
            if key in self._known and key not in units:
                wanted.setdefault(self._known[key], []).append(key)
        for shard, shard_keys in wanted.items():
            units.update(_read_units(shard, shard_keys))
        return units

    def add(self, key: str, unit: Unit) -> None:
        """Remembers a unit; it is on disk after the next `flush`."""
        self._pending[key] = unit

    def flush(self) -> None:
        """Writes what was added since the last flush as one shard."""
        if not self._pending:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        table = _to_table(self._pending)
        name = hashlib.sha256("".join(sorted(self._pending)).encode()).hexdigest()
        shard = self.folder / f"shard-{name[:32]}.parquet"
        temporary = self.folder / f".{name[:16]}-{uuid.uuid4().hex}.tmp"
        try:
            pq.write_table(table, temporary, compression="zstd")
            temporary.replace(shard)
        finally:
            temporary.unlink(missing_ok=True)
        self._known.update(dict.fromkeys(self._pending, shard))
        self._indexed.add(shard)
        self._pending = {}

    def _index_shards(self) -> None:
        for shard in sorted(self.folder.glob("shard-*.parquet")):
            if shard in self._indexed:
                continue
            self._indexed.add(shard)
            try:
                column = pq.read_table(shard, columns=["unit"]).column("unit")
            except (OSError, pa.ArrowException):
                continue
            for key in column.unique().to_pylist():
                self._known.setdefault(key, shard)


def _to_table(units: Mapping[str, Unit]) -> pa.Table:
    rows = [
        {
            "unit": key,
            "prompt_index": prompt_index,
            "block_index": block_index,
            "token_ids": sample.token_ids,
            "logprobs": sample.logprobs,
            "finish_reason": sample.finish_reason.value,
            "seconds": unit.seconds,
        }
        for key, unit in units.items()
        for prompt_index, samples in enumerate(unit.samples)
        for block_index, sample in enumerate(samples)
    ]
    return pa.Table.from_pylist(rows, schema=SHARD_SCHEMA)


def _read_units(shard: Path, keys: Sequence[str]) -> dict[str, Unit]:
    try:
        table = pq.read_table(shard, filters=[("unit", "in", list(keys))])
    except (OSError, pa.ArrowException):
        return {}
    units: dict[str, Unit] = {}
    for row in table.to_pylist():
        samples = units.setdefault(row["unit"], Unit([], row["seconds"])).samples
        if row["prompt_index"] == len(samples):
            samples.append([])
        samples[row["prompt_index"]].append(
            Sample(
                tuple(row["token_ids"]),
                tuple(row["logprobs"]),
                FinishReason(row["finish_reason"]),
            )
        )
    return units
