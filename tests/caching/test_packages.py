import importlib
import os
import sys
from pathlib import Path

import pytest

from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.packages import Packages

NAME = "a_package_of_this_test"


def install(folder: Path, version: str, *, kind: str = "dist-info") -> None:
    """Puts a distribution into the folder, with the folder's time put back."""
    for old in folder.glob(f"{NAME}*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    versioned = f"{NAME}-{version}" if kind == "dist-info" else NAME
    info = folder / f"{versioned}.{kind}"
    info.mkdir()
    file = info / ("METADATA" if kind == "dist-info" else "PKG-INFO")
    file.write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n")
    os.utime(file, (len(version), len(version)))
    os.utime(folder, (1, 1))
    importlib.invalidate_caches()  # as in a new process


@pytest.mark.parametrize("folder", ["site-packages", "vendored"])
@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_another_version_anywhere_on_the_path_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kind: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / folder)])
    (tmp_path / folder).mkdir()
    memory = Memory(None)

    for version in ("1.0", "1.0.1"):
        install(tmp_path / folder, version, kind=kind)

        assert Packages(memory).versions([NAME]) == {NAME: version}
