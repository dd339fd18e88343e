"""Saves through Kedro's datasets replace their targets in one step."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pytest
from kedro.io import AbstractDataset, CachedDataset, DataCatalog, DatasetError
from kedro.pipeline import Node
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset

from pivotrl_pipeline.caching.atomic import atomic_saves, shares_folder, writes_in_place
from pivotrl_pipeline.caching.partial import is_partial, partial_path, remove_partials


def make(x: object) -> object:
    return x


def make_chunks(x: object) -> Iterator[object]:
    yield x


class Watched(JSONDataset):
    """Tells what lies at the target while it saves."""

    seen: str | None = None

    def save(self, data: Any) -> None:
        super().save(data)
        assert self.target is not None
        self.seen = self.target.read_text() if self.target.exists() else None

    target: Path | None = None


def save(dataset: AbstractDataset[Any, Any], data: object, func: Any = make) -> None:
    catalog = DataCatalog({"out": dataset})
    with atomic_saves(catalog, Node(func, "in", "out")):
        catalog.save("out", data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_target_keeps_its_old_content_until_the_save_is_over(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("[0]")
    dataset = Watched(filepath=target.as_posix())
    dataset.target = target

    save(dataset, [1])

    assert dataset.seen == "[0]"
    assert json.loads(target.read_text()) == [1]
    assert names(tmp_path) == ["out.json"]
    assert dataset.load() == [1]


def test_failed_save_leaves_the_old_content_and_no_other_file(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("[0]")

    with pytest.raises(DatasetError, match="not JSON serializable"):
        save(JSONDataset(filepath=target.as_posix()), [1, object()])

    assert target.read_text() == "[0]"
    assert names(tmp_path) == ["out.json"]


def test_the_suffix_of_the_target_is_kept_while_saving(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})

    save(ParquetDataset(filepath=(tmp_path / "out.v2.parquet").as_posix()), frame)

    assert names(tmp_path) == ["out.v2.parquet"]
    assert pd.read_parquet(tmp_path / "out.v2.parquet").equals(frame)


def test_cached_dataset_is_saved_through(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    inner = Watched(filepath=target.as_posix())
    inner.target = target

    save(CachedDataset(inner), [1])

    assert inner.seen is None
    assert json.loads(target.read_text()) == [1]


def test_chunks_of_a_generator_replace_the_target_together(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    dataset = TextDataset(filepath=target.as_posix())
    catalog = DataCatalog({"out": dataset})

    with atomic_saves(catalog, Node(make_chunks, "in", "out")):
        catalog.save("out", "first")
        catalog.save("out", "second")
        during = target.read_text()

    assert during == "old"
    assert target.read_text() == "second"


def test_dataset_that_appends_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old ")
    dataset = TextDataset(
        filepath=target.as_posix(), fs_args={"open_args_save": {"mode": "a"}}
    )

    save(dataset, "new")

    assert target.read_text() == "old new"
    assert writes_in_place(DataCatalog({"out": dataset}), "out")


def test_dataset_that_saves_atomically_by_itself_is_left_alone(tmp_path: Path) -> None:
    class Own(JSONDataset):
        saves_atomically = True
        written_to = ""

        def save(self, data: Any) -> None:
            self.written_to = str(self._filepath)
            super().save(data)

    dataset = Own(filepath=(tmp_path / "out.json").as_posix())

    save(dataset, [1])

    assert dataset.written_to == (tmp_path / "out.json").as_posix()
    assert not writes_in_place(DataCatalog({"out": dataset}), "out")


def test_folder_that_a_dataset_writes_is_replaced_as_a_whole(tmp_path: Path) -> None:
    class Folder(AbstractDataset[Any, Any]):
        def __init__(self, filepath: Path) -> None:
            self._filepath = filepath

        def save(self, data: Any) -> None:
            self._filepath.mkdir()
            (self._filepath / "part").write_text(data)

        def load(self) -> Any:
            return (self._filepath / "part").read_text()

        def _describe(self) -> dict[str, Any]:
            return {}

    target = tmp_path / "folder"
    target.mkdir()
    (target / "stale").write_text("x")

    save(Folder(target), "new")

    assert names(target) == ["part"]
    assert names(tmp_path) == ["folder"]


def test_link_keeps_pointing_at_the_file_that_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "out.json", tmp_path / "out.json"
    real.write_text("[0]")
    link.symlink_to(real)

    save(JSONDataset(filepath=link.as_posix()), [1])

    assert link.is_symlink()
    assert json.loads(real.read_text()) == [1]


@pytest.mark.parametrize("name", ["out.json", "table.csv.gz", "policy", ".hidden"])
def test_leftovers_of_a_target_are_removed_and_of_another_are_not(
    tmp_path: Path, name: str
) -> None:
    partial = partial_path(tmp_path / name)
    nested = partial.with_name(f".{partial.name}.{'0' * 32}.part")
    other = partial_path(tmp_path / f"{name}.json")
    for file in (partial, nested, other):
        file.write_text("half")

    remove_partials(tmp_path / name)

    assert is_partial(partial.name)
    assert is_partial(nested.name)
    assert names(tmp_path) == [other.name]
    assert partial.suffixes[-1:] == (Path(name).suffixes[-1:] or [".partial"])


class Charts(AbstractDataset[Any, Any]):
    """Adds files to a folder, as Kedro's own ``MatplotlibDataset`` does."""

    def __init__(self, *, filepath: str, overwrite: bool = False) -> None:
        self._filepath = PurePosixPath(filepath)
        self._overwrite = overwrite

    def save(self, data: Any) -> None:
        Path(self._filepath).mkdir(parents=True, exist_ok=True)
        for name, text in data.items():
            Path(self._filepath, name).write_text(text)

    def load(self) -> Any:
        raise NotImplementedError

    def _describe(self) -> dict[str, Any]:
        return {}


def make_charts(folder: Path, **arguments: Any) -> Charts:
    """A dataset of a folder that holds a chart of its own and another file."""
    folder.mkdir()
    for name in ("a.svg", "notes.md"):
        (folder / name).write_text("old")
    return Charts(filepath=folder.as_posix(), **arguments)


def test_files_are_added_to_a_folder_that_the_dataset_does_not_empty(
    tmp_path: Path,
) -> None:
    save(make_charts(tmp_path / "charts"), {"a.svg": "new", "b.svg": "new"})

    texts = {f.name: f.read_text() for f in (tmp_path / "charts").iterdir()}
    assert texts == {"a.svg": "new", "b.svg": "new", "notes.md": "old"}
    assert names(tmp_path) == ["charts"]


@pytest.mark.parametrize("below", ["notes.md", "{name}.md"])
def test_files_are_added_to_a_folder_in_which_other_entries_lie(
    tmp_path: Path, below: str
) -> None:
    charts = make_charts(tmp_path / "charts", overwrite=True)
    entry = {"type": "text.TextDataset", "filepath": str(tmp_path / "charts" / below)}
    pattern = "{name}_notes" if "{" in below else "notes"
    catalog = DataCatalog.from_config({pattern: entry})
    catalog["out"] = charts

    with atomic_saves(catalog, Node(make, "in", "out")):
        catalog.save("out", {"b.svg": "new"})

    assert names(tmp_path / "charts") == ["a.svg", "b.svg", "notes.md"]
    assert shares_folder(catalog, "out", tmp_path / "charts")


def test_a_failed_save_adds_nothing_to_a_folder(tmp_path: Path) -> None:
    charts = make_charts(tmp_path / "charts")

    with pytest.raises(DatasetError):
        save(charts, {"a.svg": "new", "b.svg": 1})

    assert (tmp_path / "charts" / "a.svg").read_text() == "old"
    assert names(tmp_path / "charts") == ["a.svg", "notes.md"]


class TextPath(JSONDataset):
    """Keeps its path as a text."""

    def __init__(self, *, filepath: str, **arguments: Any) -> None:
        super().__init__(filepath=filepath, **arguments)
        self._filepath = filepath

    def save(self, data: Any) -> None:
        with open(self._filepath, "w") as file:  # noqa: PTH123
            json.dump(data, file)


def test_a_path_kept_as_a_text_is_replaced_too(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("[0]")

    with pytest.raises(DatasetError, match="not JSON serializable"):
        save(TextPath(filepath=target.as_posix()), [1, object()])
    kept = target.read_text()
    save(TextPath(filepath=target.as_posix()), [1])

    assert kept == "[0]"
    assert json.loads(target.read_text()) == [1]
    assert names(tmp_path) == ["out.json"]


@pytest.mark.parametrize(
    ("name", "save_args"),
    [
        ("table", {}),
        ("table.delta", {"mode": "overwrite"}),
        ("part-*.csv", {}),
        ("memory://out.json", {}),
    ],
)
def test_a_text_that_may_be_more_than_a_file_is_left_alone(
    name: str, save_args: dict[str, str]
) -> None:
    class Told(JSONDataset):
        def save(self, data: Any) -> None:
            self.written_to = self._filepath

    dataset = Told(filepath="out.json", save_args=save_args)
    dataset._filepath = name

    save(dataset, [1])

    assert dataset.written_to == name


class WithSchema(JSONDataset):
    """Writes a second file beside the first."""

    def save(self, data: Any) -> None:
        Path(self._filepath).with_suffix(".schema").write_text("int")
        super().save(data)


def test_what_is_written_beside_the_target_comes_along(tmp_path: Path) -> None:
    dataset = WithSchema(filepath=(tmp_path / "out.json").as_posix())

    save(dataset, [1])
    assert names(tmp_path) == ["out.json", "out.schema"]

    (tmp_path / "out.schema").write_text("old")
    with pytest.raises(DatasetError, match="not JSON serializable"):
        save(dataset, [object()])
    assert names(tmp_path) == ["out.json", "out.schema"]
    assert (tmp_path / "out.schema").read_text() == "old"
