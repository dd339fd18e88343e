import runpy
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[1] / "install.py"


def call_copy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    for name in (INSTALL.name, "pyproject.toml"):
        (folder / name).write_text(INSTALL.with_name(name).read_text("utf-8"), "utf-8")
    return subprocess.run(
        [sys.executable, folder / INSTALL.name, *arguments],
        capture_output=True,
        text=True,
    )


def test_an_unknown_extra_is_told_before_anything_is_made(tmp_path: Path) -> None:
    done = call_copy(tmp_path, "tests", "viz")

    assert done.returncode == 2
    assert "no extra tests; there are viz," in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_help_names_the_extras_and_makes_nothing(tmp_path: Path) -> None:
    done = call_copy(tmp_path, "--help")

    assert done.returncode == 0
    assert "any of viz, notebook," in " ".join(done.stdout.split())
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("works", [True, False])
def test_an_environment_that_was_left_half_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    install = runpy.run_path(str(INSTALL))
    called: list[tuple[object, ...]] = []

    def run(*command: object, **options: bool) -> bool:
        called.append(command[1:3])
        return works or command[1:4] != ("-m", "pip", "--version")

    python = tmp_path / "python"
    python.touch()
    changed = {"run": run, "PYTHON": python, "VENV": tmp_path}
    for name, value in changed.items():
        monkeypatch.setitem(install["main"].__globals__, name, value)
    monkeypatch.setattr(sys, "argv", ["install.py"])

    install["main"]()

    assert (("-m", "venv") in called) == (not works)
