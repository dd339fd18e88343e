"""Projects to run, changed by nobody else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from caching.sample_code import Sources
from caching.toy_project import ALL, Project, make_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has been run once; not to be changed."""
    project = make_project(tmp_path_factory.mktemp("finished") / "toy")
    assert project.run().ran == ALL
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy, at another place, of a project that has been run once."""
    shutil.copytree(finished.path, tmp_path / "toy")
    return Project(tmp_path / "toy")


@pytest.fixture
def fresh_project(tmp_path: Path) -> Project:
    """A project that has not been run."""
    return make_project(tmp_path / "toy")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """An importable package without modules."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    sources = Sources(tmp_path)
    yield sources
    sources.forget()
