import os
import sys
from pathlib import Path

import pytest

from pivotrl_pipeline.caching.packages import _installation_state


def install(folder: Path, version: str, *, kind: str) -> None:
    """Puts a distribution into the folder, with the folder's time put back."""
    for old in folder.glob("thing*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    versioned = f"thing-{version}" if kind == "dist-info" else "thing"
    (folder / f"{versioned}.{kind}").mkdir()
    file = folder / f"{versioned}.{kind}" / "PKG-INFO"
    file.write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    os.utime(file, (len(version), len(version)))
    os.utime(folder, (1, 1))


@pytest.mark.parametrize("folder", ["site-packages", "vendored"])
@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_another_version_anywhere_on_the_path_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kind: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / folder)])
    (tmp_path / folder).mkdir()

    install(tmp_path / folder, "1.0", kind=kind)
    before = _installation_state()
    install(tmp_path / folder, "1.0", kind=kind)
    again = _installation_state()
    install(tmp_path / folder, "1.0.1", kind=kind)

    assert again == before
    assert _installation_state() != before


def test_a_file_beside_packages_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    before = _installation_state()

    (tmp_path / "notes.txt").write_text("x")

    assert _installation_state() == before
