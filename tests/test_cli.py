"""What a user reads when a run cannot work: one message, nothing half-written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


def _run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`kedro run` of the project, writing its tables under ``tmp_path``."""
    globals_file = tmp_path / "conf/local/globals.yml"
    if not globals_file.exists():
        globals_file.parent.mkdir(parents=True)
        globals_file.write_text(f"tables: {tmp_path / 'data'}\n")
        (tmp_path / "conf/base").symlink_to(PROJECT / "conf/base")
    return subprocess.run(
        [
            *(sys.executable, "-m", "kedro", "run", "--no-cache"),
            *("--conf-source", str(tmp_path / "conf"), *arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "400"},
    )


def test_settings_that_cannot_work_are_named_together_before_any_node_runs(
    tmp_path: Path,
) -> None:
    result = _run(
        tmp_path,
        "--params=rollout_sampling.num_rollouts=1,pivot_selection.low_mean_threshold=1.5",
    )

    assert result.returncode == 1
    assert "num_rollouts is 1, but outcomes vary only between two" in result.stderr
    assert "low_mean_threshold is 1.5, but rewards are in [0, 1]" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("pivot_selection.strategy=lowmean", "'all', 'mixed' or 'low_mean'"),
        ("rl_update.objective=papr", "Did you mean 'paper'?"),
        ("rl_update.grop_size=8", "Extra inputs are not permitted"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(
    tmp_path: Path, parameter: str, message: str
) -> None:
    result = _run(tmp_path, f"--params={parameter}")

    assert result.returncode == 1
    assert message in result.stderr


def test_missing_policy_says_where_it_was_looked_for(tmp_path: Path) -> None:
    result = _run(
        tmp_path,
        "--nodes=evaluate_initial_policy",
        f"--params=initial_policy={tmp_path}/nowhere",
    )

    assert result.returncode == 1
    assert f"{tmp_path}/nowhere: no policy there; expected a folder" in result.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_missing_table_says_how_to_make_it_and_nothing_is_deprecated(
    tmp_path: Path,
) -> None:
    result = _run(tmp_path, "--pipeline=pivot_selection")

    assert result.returncode == 1
    assert "pivot_candidates.parquet is not there; expected the table" in result.stderr
    assert "deprecated" not in (result.stdout + result.stderr).lower()
