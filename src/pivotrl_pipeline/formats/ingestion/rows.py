"""Raw rows from whatever the catalog entry `raw_trajectories` loads."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, cast

from pivotrl_pipeline.errors import ConfigurationError, TrajectoryError
from pivotrl_pipeline.formats.base import RawRow, RejectionReason
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

SOURCE = "raw_trajectories"
"""What rows without a file of their own are said to come from."""


class _Frame(Protocol):
    columns: Iterable[str]

    def itertuples(
        self, *, index: bool, name: None
    ) -> Iterator[tuple[object, ...]]: ...


def iterate_rows(data: object) -> Iterator[RawRow]:
    """The rows of a dataset, each with its address, nothing of it held in memory.

    Args:
        data: Rows of `RawRowsDataset`; a list or another iterable of rows; a pandas
            frame; a Hugging Face dataset; a mapping of any of these by split or
            partition, whose values may be functions that load them.

    Raises:
        ConfigurationError: If ``data`` is none of these.
    """
    if isinstance(data, Mapping):
        for name, part in data.items():
            yield from _number(part() if callable(part) else part, str(name))
    else:
        yield from _number(data, SOURCE)


def parse_row(row: RawRow) -> JsonObject:
    """The row as a JSON object.

    Raises:
        TrajectoryError: If it is no JSON, or no object.
    """
    value = row.content
    if isinstance(value, bytes | str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise TrajectoryError(
                f"the {row.unit} is not JSON ({error}); expected one object: repair "
                f"or remove it.",
                reason=RejectionReason.MALFORMED_LINE,
            ) from error
    if not isinstance(value, dict):
        raise TrajectoryError(
            f"the {row.unit} is a {type(value).__name__}; expected an object.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    if row.has_filled_nulls:
        return {key: _without_nulls(item) for key, item in value.items()}
    return cast("JsonObject", value)


def _number(data: object, source: str) -> Iterator[RawRow]:
    if hasattr(data, "itertuples"):
        yield from _number_frame(cast("_Frame", data), source)
        return
    if not isinstance(data, Iterable) or isinstance(data, str | bytes):
        raise ConfigurationError(
            f"{source} loads a {type(data).__name__}; expected rows: a list of "
            f"objects, a pandas frame or a Hugging Face dataset. Change its type in "
            f"the catalog."
        )
    # Hugging Face datasets keep rows in Arrow, which fills absent keys with nulls.
    is_columnar = hasattr(data, "features")
    for position, item in enumerate(data, start=1):
        if isinstance(item, RawRow):
            yield item
        else:
            yield RawRow(source, position, "row", item, is_columnar)


def _number_frame(frame: _Frame, source: str) -> Iterator[RawRow]:
    names = [str(name) for name in frame.columns]
    rows = frame.itertuples(index=False, name=None)
    for position, values in enumerate(rows, start=1):
        fields = zip(names, map(_to_plain, values), strict=True)
        content = {name: value for name, value in fields if value is not None}
        yield RawRow(source, position, "row", content, has_filled_nulls=True)


def _to_plain(value: object) -> object:
    """Without array and scalar types of numpy and pandas; missing is None."""
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    # The missing values of pandas differ from themselves, or refuse to compare.
    is_missing = type(value).__name__ == "NAType" or value != value
    return None if is_missing else value


def _without_nulls(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item is not None}
        return {key: _without_nulls(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
