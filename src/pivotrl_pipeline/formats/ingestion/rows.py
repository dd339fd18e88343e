"""Raw rows from whatever the catalog entry `raw_trajectories` loads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, cast

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.formats.base import RawRow

SOURCE = "raw_trajectories"
"""What rows without a file of their own are said to come from."""


class _Frame(Protocol):
    columns: Iterable[str]

    def itertuples(
        self, *, index: bool, name: None
    ) -> Iterator[tuple[object, ...]]: ...


class RowSource:
    """The rows of a dataset, each with its address; iterated over as often as needed.

    Nothing is held in memory, but for a generator, which can be read only once.
    """

    def __init__(self, data: object) -> None:
        """The rows of ``data``.

        Args:
            data: Rows of `RawRowsDataset`; a list or another iterable of rows; a
                pandas frame; a Hugging Face dataset; a mapping of any of these by
                split or partition, whose values may be functions that load them.
        """
        self._data = list(data) if isinstance(data, Iterator) else data
        self.num_rows = 0
        """Rows that the longest pass so far has come to."""

    def __iter__(self) -> Iterator[RawRow]:
        """The rows in order.

        Raises:
            ConfigurationError: If the data is of none of these kinds.
        """
        for count, row in enumerate(self._iterate(), start=1):
            self.num_rows = max(self.num_rows, count)
            yield row

    def _iterate(self) -> Iterator[RawRow]:
        if isinstance(self._data, Mapping):
            for name, part in self._data.items():
                yield from _number(part() if callable(part) else part, str(name))
        else:
            yield from _number(self._data, SOURCE)


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
