#!/usr/bin/env python3
"""Sets the project up in .venv: python3 install.py [extra ...].

Installs the versions in constraints.txt that the project was tried with. Where there
is no NVIDIA GPU, torch is the CPU build, which needs no CUDA packages; `uv` knows
where it lies, and pip's own index is the fall-back. Everything else is plain pip.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> None:
    """Makes .venv if there is none, then installs torch and the project into it."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f"{sys.executable} is Python {platform.python_version()}; expected 3.11 to "
            f"3.13: call install.py with one of those."
        )
    extras = read_extras()
    if not PYTHON.exists() or not has_pip():
        print("Making .venv", flush=True)
        run(sys.executable, "-m", "venv", VENV)
    install_torch()
    target = f"{PROJECT}[{','.join(extras)}]" if extras else str(PROJECT)
    print("Installing the project", flush=True)
    pip("--editable", target)


def read_extras() -> list[str]:
    """The extras of pyproject.toml that are asked for."""
    import tomllib  # not before the version of Python is known to have it

    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)["project"]["optional-dependencies"]
    parser = argparse.ArgumentParser(description="Sets the project up in .venv.")
    parser.add_argument("extra", nargs="*", help=f"any of {', '.join(known)}")
    extras: list[str] = parser.parse_args().extra
    if unknown := sorted({*extras} - {*known}):
        parser.error(f"no extra {', '.join(unknown)}; there are {', '.join(known)}")
    return extras


def has_pip() -> bool:
    """Whether .venv is whole: one that was left half-made has no pip that works."""
    return run(PYTHON, "-m", "pip", "--version", check=False, quiet=True)


def install_torch() -> None:
    """Installs torch; the CPU build on Linux without a GPU, if that can be had."""
    if run(PYTHON, "-c", "import torch", check=False, quiet=True):
        return
    print("Installing torch", flush=True)
    requirement = torch_requirement()
    if platform.system() == "Linux" and not shutil.which("nvidia-smi"):
        pip("uv")
        found = run(
            *(PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON),
            *("--torch-backend", "cpu", requirement),
            check=False,
            quiet=True,
        )
        if found:
            return
    pip(requirement)


def torch_requirement() -> str:
    """The pinned torch of constraints.txt."""
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def pip(*arguments: str) -> None:
    """Installs into .venv under the project's constraints."""
    constraints = PROJECT / "constraints.txt"
    run(PYTHON, "-m", "pip", "install", "--quiet", "-c", constraints, *arguments)


def run(*command: object, check: bool = True, quiet: bool = False) -> bool:
    """True if the command succeeded; without ``check`` a failure only gives False."""
    output = subprocess.DEVNULL if quiet else None
    environment = {**os.environ, "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "60"}
    words = [str(word) for word in command]
    result = subprocess.run(words, stdout=output, stderr=output, env=environment)
    if check and result.returncode:
        sys.exit(f"{' '.join(words)} failed with exit code {result.returncode}.")
    return result.returncode == 0


if __name__ == "__main__":
    main()
