from typing import Any

import pytest
from kedro.io import DataCatalog

from pivotrl_pipeline.caching.entries import Entries, Entry


def make_entry(**settings: Any) -> Entry:
    config = {"type": "pandas.CSVDataset", "filepath": "out.csv", **settings}
    catalog = DataCatalog.from_config({"out": config})
    return Entries(catalog, lambda _: False)["out"]


@pytest.mark.parametrize("value", [0, False, "", []])
def test_a_setting_that_is_false_is_a_setting(value: object) -> None:
    given, absent = make_entry(skip=value), make_entry()

    assert given.loading_digest() != absent.loading_digest()
    assert given.saving_digest() != absent.saving_digest()


@pytest.mark.parametrize(
    "empty", [{"load_args": {}}, {"fs_args": None}, {"skip": None}]
)
def test_a_setting_that_says_nothing_is_none(empty: dict[str, Any]) -> None:
    assert make_entry(**empty).loading_digest() == make_entry().loading_digest()


@pytest.mark.parametrize("use", ["load", "save"])
def test_how_files_are_opened_counts_where_they_are(use: str) -> None:
    absent = make_entry()
    given = make_entry(fs_args={f"open_args_{use}": {"encoding": "latin-1"}})

    assert (given.loading_digest() != absent.loading_digest()) == (use == "load")
    assert (given.saving_digest() != absent.saving_digest()) == (use == "save")


def test_other_arguments_of_the_filesystem_change_no_data() -> None:
    given = make_entry(fs_args={"auto_mkdir": True})

    assert given.loading_digest() == make_entry().loading_digest()
