from pathlib import Path

import pytest

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.fingerprint import (
    fingerprint_engine,
    fingerprint_folder,
)


def test_fingerprint_follows_content_not_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")

    assert fingerprint_folder(tmp_path / "one") == fingerprint_folder(tmp_path / "two")


def test_fingerprint_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = fingerprint_folder(tmp_path)

    (tmp_path / "config.json").write_text("{ }")
    edited = fingerprint_folder(tmp_path)
    (tmp_path / "config.json").rename(tmp_path / "other.json")

    assert len({before, edited, fingerprint_folder(tmp_path)}) == 3


def test_lineage_is_not_part_of_a_policy(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = fingerprint_folder(tmp_path)

    (tmp_path / "lineage.json").write_text("{}")

    assert fingerprint_folder(tmp_path) == before


def test_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere: no policy there; expected"):
        fingerprint_folder(tmp_path / "nowhere")


def test_engine_has_one_fingerprint_per_version() -> None:
    assert fingerprint_engine() == fingerprint_engine()
