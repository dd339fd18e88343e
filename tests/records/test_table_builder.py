import pandas as pd
import pyarrow as pa
import pytest

from pivotrl_pipeline.records.table_builder import TableBuilder

SCHEMA = pa.schema(
    [
        pa.field("key", pa.large_string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("success", pa.bool_()),
        pa.field("tokens", pa.int64()),
    ]
)


def _build(*, spill_bytes: int) -> TableBuilder:
    builder = TableBuilder(SCHEMA, spill_bytes=spill_bytes)
    for start in (0, 2, 4):
        columns = {
            "key": [f"row {start}", f"row {start + 1}"],
            "count": [start, start + 1],
            "success": [None, True],
            "tokens": [start, None],
        }
        builder.append(pa.RecordBatch.from_pydict(columns, schema=SCHEMA))
    return builder


def test_types_are_those_of_the_schema() -> None:
    frame = _build(spill_bytes=10**9).to_frame()

    assert [str(dtype) for dtype in frame.dtypes] == [
        "str",
        "int64",
        "boolean",
        "Int64",
    ]
    assert frame["tokens"].tolist() == [0, pd.NA, 2, pd.NA, 4, pd.NA]


@pytest.mark.parametrize("spill_bytes", [0, 100, 10**9])
def test_a_table_on_disk_is_the_table_in_memory(spill_bytes: int) -> None:
    frame = _build(spill_bytes=spill_bytes).to_frame()

    pd.testing.assert_frame_equal(frame, _build(spill_bytes=10**9).to_frame())
    assert frame["key"].tolist() == [f"row {n}" for n in range(6)]


def test_an_empty_table_keeps_its_types() -> None:
    frame = TableBuilder(SCHEMA).to_frame()

    assert [str(dtype) for dtype in frame.dtypes] == [
        "str",
        "int64",
        "boolean",
        "Int64",
    ]
    assert len(frame) == 0
