"""Kedro's catalogs, without importing pandas to hold a parameter.

Kedro wraps each parameter in a ``MemoryDataset``, which imports pandas and numpy to
find out how to copy it. For plain values the answer is known.
"""

from typing import Any

from kedro.framework.context.catalog_mixins import CatalogCommandsMixin
from kedro.io import DataCatalog, MemoryDataset, SharedMemoryDataCatalog
from kedro.io.core import is_parameter

_COPIED_OTHERWISE = frozenset({"pandas", "numpy", "pyspark", "ibis", "polars"})


class _PlainParameters:
    def __setitem__(self, key: str, value: Any) -> None:
        top = type(value).__module__.partition(".")[0]
        if is_parameter(key) and top not in {*_COPIED_OTHERWISE, "kedro"}:
            value = MemoryDataset(data=value, copy_mode="deepcopy")
        super().__setitem__(key, value)  # type: ignore[misc]


class LightDataCatalog(_PlainParameters, DataCatalog, CatalogCommandsMixin):
    """``DataCatalog`` as a Kedro context makes it."""


class LightSharedMemoryDataCatalog(_PlainParameters, SharedMemoryDataCatalog):
    """``SharedMemoryDataCatalog``, for runs in several processes."""


def light(catalog_class: type) -> type:
    """The light form of one of Kedro's catalogs; any other class as it is."""
    known: dict[type, type] = {
        DataCatalog: LightDataCatalog,
        SharedMemoryDataCatalog: LightSharedMemoryDataCatalog,
    }
    return known.get(catalog_class, catalog_class)
