"""Trainings that the system kills."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from tests.rl.toys import ToyVerifier

TESTS = Path(__file__).parents[1]


def run_until_killed(script: str, folder: Path) -> None:
    """Runs a script that kills its own process; the folder is its argument."""
    killed = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=TESTS.parent,
        env={
            **os.environ,
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
            "PYTHONPATH": str(TESTS),
        },
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def make_deadly_verifier(fatal_call: int) -> ToyVerifier:
    """It kills its own process when it is called so many times."""

    def die(demonstrated: str, said: str) -> float:
        if verifier.num_calls == fatal_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(said.split()[0] == demonstrated)

    verifier = ToyVerifier(reward_of=die)
    return verifier
