"""A row of each format with one value replaced is refused or accepted, never more."""

from collections.abc import Iterator
from typing import Any

import pytest

from pivotrl_pipeline.formats import FORMATS
from pivotrl_pipeline.formats.base import Format, RawRow, RawTrajectory, RejectionReason
from pivotrl_pipeline.formats.ingestion.conversion import (
    IngestionSettings,
    RejectedRow,
    convert_row,
)
from pivotrl_pipeline.records.messages import dump_json

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}
TRAJECTORY = RawTrajectory(
    messages=[
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "Looking.",
            "reasoning_content": "why",
            "tool_calls": [CALL],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
        {"role": "assistant", "content": "done"},
    ],
    tools=[
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                },
            },
        }
    ],
    trajectory_id="run",
    task_id="1",
    domain="d",
    success=True,
    metadata={"k": 1},
)
DEEP = "<deep>"
"""Stands for `DEEP_TEXT`, which json itself could not write."""
DEEP_TEXT = '{"a":' * 950 + "{}" + "}" * 950
REPLACEMENTS: list[Any] = [
    *(None, 5, 1.5, True, "x", "", "\ud800", "<tool_call>", float("nan")),
    *([], {}, [1], ["x"], [None], [{}], [[]], {"a": 1}, {"type": []}),
    *("{}", "[5]", DEEP),
]
LABEL = {"type": "function_call", "name": "f", "arguments": "{}"}
PARTS = [{"type": "output_text", "text": "hello"}]
OTHER_FIELDS: list[tuple[str, dict[str, Any]]] = [
    (
        "nemo_gym_pivots",
        {
            "expected_action": {"type": "function_call_batch", "calls": [LABEL, LABEL]},
            "pass_rate": 0.5,
        },
    ),
    (
        "nemo_gym_runs",
        {
            "response": {
                "output": [
                    {"type": "message", "role": "assistant", "content": PARTS},
                    {"type": "reasoning", "summary": PARTS},
                    {"type": "reasoning", "content": PARTS},
                    {"call_id": "c1", **LABEL},
                    {"type": "function_call_output", "call_id": "c1", "output": "ok"},
                ]
            }
        },
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
                {"from": "observation", "value": "ok", "name": "f"},
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "ok"},
            ]
        },
    ),
]
"""What the row of `TRAJECTORY` does not show of a format."""


def _mutate(value: Any) -> Iterator[Any]:
    """The value with one of its parts left out or replaced, for every part."""
    if isinstance(value, list):
        for mutated in _mutate(dict(enumerate(value))):
            yield [*mutated.values()]
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: value[name] for name in value if name != key}
            for other in [*REPLACEMENTS, *_mutate(part)]:
                yield {**value, key: other}


def _convert(row: Any, format_: Format) -> list[str | None]:
    settings = IngestionSettings(
        format_.name,
        only_successful=False,
        validation_rate=0.5,
        seed=0,
        max_rejected_rate=0.0,
    )
    text = dump_json(row).replace(f'"{DEEP}"', DEEP_TEXT)
    rows = [RawRow("runs.jsonl", 1, "line", text.encode())]
    converted = [
        convert_row(joined, format_, [], settings)
        for joined in (format_.join(rows) if format_.join else rows)
    ]
    return [row.reason if isinstance(row, RejectedRow) else None for row in converted]


@pytest.mark.parametrize(
    ("name", "fields"), [*((name, {}) for name in sorted(FORMATS)), *OTHER_FIELDS]
)
def test_no_mutation_of_a_row_makes_its_reader_fail(
    name: str, fields: dict[str, Any]
) -> None:
    row = {**FORMATS[name].write(TRAJECTORY), **fields}
    assert _convert(row, FORMATS[name]) == [None]

    reasons = [_convert(mutated, FORMATS[name]) for mutated in _mutate(row)]

    assert len(reasons) > 500
    assert [RejectionReason.READER_FAILED] not in reasons
