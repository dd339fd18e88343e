from pathlib import Path

import pytest

from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.receipts import Receipt
from pivotrl_pipeline.caching.store import Store


def make_receipt(code: str) -> Receipt:
    return Receipt("node", {"code": code}, {}, {}, {"out": "digest"}, 1.0, "run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def make_store(folder: Path, limit: int = 10_000) -> Store:
    return Store(folder / "store", Contents(Memory(None)), limit)


def keep(store: Store, folder: Path, code: str, content: str) -> Path:
    """Keeps one file as the output of a recipe."""
    file = folder / "data" / "out"
    file.unlink(missing_ok=True)
    file.write_text(content)
    store.keep("key", make_receipt(code), {"out": file})
    return file


def find(store: Store, code: str) -> bool:
    return store.find("key", make_receipt(code).recipe.digest) is not None


def test_previous_output_comes_back(folder: Path) -> None:
    store = make_store(folder)
    keep(store, folder, "one", "first")
    file = keep(store, folder, "two", "second")

    kept = store.find("key", make_receipt("one").recipe.digest)
    assert kept is not None
    store.restore("key", kept, {"out": file})

    assert file.read_text() == "first"
    assert [path.name for path in file.parent.iterdir()] == ["out"]


def test_folders_come_back_without_files_added_since(folder: Path) -> None:
    store, policy = make_store(folder), folder / "data" / "policy"
    (policy / "deep").mkdir(parents=True)
    (policy / "deep" / "weights").write_text("w")
    store.keep("key", make_receipt("one"), {"out": policy})
    (policy / "added").write_text("x")

    kept = store.find("key", make_receipt("one").recipe.digest)
    assert kept is not None
    store.restore("key", kept, {"out": policy})

    files = [p.relative_to(policy).as_posix() for p in policy.rglob("*") if p.is_file()]
    assert files == ["deep/weights"]
    assert [path.name for path in policy.parent.iterdir()] == ["policy"]


def test_object_edited_through_its_link_is_never_used(folder: Path) -> None:
    store = make_store(folder)
    file = keep(store, folder, "one", "first")
    assert find(store, "one")

    file.write_text("edited in place")

    assert not find(store, "one")


def test_oldest_unused_goes_first(folder: Path) -> None:
    import os

    store = make_store(folder, limit=25)
    for index, code in enumerate(("one", "two", "three")):
        keep(store, folder, code, f"{code:10}")
        for entry in (folder / "store" / "previous").iterdir():
            if entry.stat().st_mtime > 1000:
                os.utime(entry, (index, index))
    kept = store.find("key", make_receipt("one").recipe.digest)
    assert kept is not None
    store.restore("key", kept, {"out": folder / "data" / "out"})  # used just now

    runs, size = store.shrink()

    assert (runs, size) == (2, 20)
    assert [find(store, code) for code in ("one", "two", "three")] == [
        True,
        False,
        True,
    ]


def test_output_larger_than_the_limit_is_not_kept(folder: Path) -> None:
    store = make_store(folder, limit=4)
    keep(store, folder, "one", "first")

    assert not find(store, "one")
    assert store.size() == (0, 0)


def test_two_recipes_with_one_content_share_an_object(folder: Path) -> None:
    store = make_store(folder)
    keep(store, folder, "one", "same")
    keep(store, folder, "two", "same")

    assert store.size() == (2, 4)


def restore(
    store: Store, code: str, paths: dict[str, Path], **options: set[str]
) -> None:
    kept = store.find("key", make_receipt(code).recipe.digest)
    assert kept is not None
    store.restore("key", kept, paths, **options)


def test_restored_outputs_of_equal_content_are_files_of_their_own(folder: Path) -> None:
    store = make_store(folder)
    paths = {name: folder / "data" / name for name in ("one", "two")}
    for path in paths.values():
        path.write_text("same")
    store.keep("key", make_receipt("one"), paths)
    for path in paths.values():
        path.unlink()

    restore(store, "one", paths)
    paths["one"].write_text("edited in place")

    assert paths["two"].read_text() == "same"


def test_an_output_behind_a_link_comes_back_behind_it(folder: Path) -> None:
    store, link = make_store(folder), folder / "data" / "link"
    real = folder / "elsewhere" / "real"
    real.parent.mkdir()
    real.write_text("first")
    link.symlink_to(real)
    store.keep("key", make_receipt("one"), {"out": link})
    real.unlink()

    restore(store, "one", {"out": link})

    assert link.is_symlink()
    assert real.read_text() == "first"
    assert not real.is_symlink()


def test_an_output_that_is_written_in_place_leaves_what_is_kept(folder: Path) -> None:
    store, file = make_store(folder), folder / "data" / "out"
    file.write_text("first")
    store.keep("key", make_receipt("one"), {"out": file}, in_place={"out"})

    for text in ("second", "third"):
        file.write_text(text)
        restore(store, "one", {"out": file}, in_place={"out"})

        assert file.read_text() == "first"
