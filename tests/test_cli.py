"""What a user reads when a run cannot work: one message, nothing half-written."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pivotrl_pipeline.cli import _say_plainly

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
        ("rl_update.objective=papr", r"Did you mean 'paper'\?"),
        (
            "rl_update.grop_size=8",
            r"'rl_update': .*\s+There is no parameter 'grop_size'; choose from: .*"
            r"Did you mean 'group_size'\?",
        ),
        # What was found holds brackets, and is left out whole.
        ("ood_evaluation.tier=[long]", r"Did you mean 'tiers'\?\n"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(
    tmp_path: Path, parameter: str, message: str
) -> None:
    result = _run(tmp_path, f"--params={parameter}")

    assert result.returncode == 1
    assert re.search(message, result.stderr), result.stderr


def test_a_grid_is_not_changed_by_params_that_its_cells_would_not_follow(
    tmp_path: Path,
) -> None:
    result = _run(tmp_path, "--pipeline=compare", "--params=compare.fresh_seed=7")

    assert result.returncode == 1
    assert "--params changes 'compare', which lists the cells" in result.stderr
    assert "set it in conf/local/parameters_compare.yml" in result.stderr


def test_a_misspelt_catalog_entry_is_told_and_others_are_the_users_own(
    tmp_path: Path,
) -> None:
    catalog = tmp_path / "conf/local/catalog.yml"
    catalog.parent.mkdir(parents=True)
    catalog.write_text(
        "raw_trajectorys: {type: pandas.JSONDataset, filepath: runs.json}\n"
        "notes: {type: pandas.CSVDataset, filepath: notes.csv}\n"
        "raw_trajectories_2: {type: pandas.CSVDataset, filepath: notes.csv}\n"
    )
    (tmp_path / "conf/base").symlink_to(PROJECT / "conf/base")
    (tmp_path / "conf/local/globals.yml").write_text(f"tables: {tmp_path / 'data'}\n")

    result = _run(tmp_path, "--pipeline=pivot_selection")

    said = " ".join((result.stdout + result.stderr).split())
    assert (
        "The catalog entry 'raw_trajectorys' is used by no pipeline; did you mean "
        "'raw_trajectories'?" in said
    )
    assert said.count("is used by no pipeline") == 1


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--nodes=update_polcy",),
            "--nodes names 'update_polcy', which is no node of '__default__'; choose "
            "from: .*Did you mean 'update_policy'?",
        ),
        (
            ("--pipeline=compare", "--to-nodes=report_comparisom"),
            r"no node of 'compare'; the nearest of \d+ are report_comparison, ",
        ),
        (("--from-inputs=pivot",), r"no dataset .* the nearest of \d+ are pivots, "),
        (("--pipelines=pivott",), "no pipeline; choose from: .* mean 'pivot'?"),
        (("--tags=daily",), "'daily', which is no tag of .*: leave the option out."),
        (
            ("--pipeline=compare", "--namespaces=compare.pivotrl"),
            "no namespace of 'compare'; choose from: compare, compare.e2e_0_seed_0, ",
        ),
        (("--runner=Parallel",), "choose from: ParallelRunner, SequentialRunner, "),
        (("--env=lng",), "--env names 'lng', .*; choose from: base, local"),
        (
            ("--nodes=report_run", "--to-nodes=update_policy"),
            "The options together choose no node of '__default__': a node must fit all",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_wrong_names_of_options_are_told_with_the_nearest_right_ones(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = _run(tmp_path, *options)

    assert result.returncode == 1
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "raw_tools:\n  type: x\n filepath: y\n",
            r"conf/local/catalog.yml, line 3, column 2: .*; expected YAML: look at",
        ),
        (
            "raw_tools: {type: x, filepath: '${globals:dsk}'}\n",
            r"^Error: Globals key 'dsk' not .*\n +full_key: raw_tools.filepath\n$",
        ),
        (
            "raw_trajectories:\n"
            "  type: pivotrl_pipeline.datasets.raw_rows_dataset.RawRowsDataset\n"
            "  filepath: rows.csv\n",
            r"Error: rows.csv has no known .* or \.zst\.\nFailed to instantiate",
        ),
    ],
    ids=["syntax", "unknown global", "unknown ending"],
)
def test_a_catalog_that_cannot_be_used_is_told_without_traceback(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "conf/local").mkdir(parents=True)
    (tmp_path / "conf/local/catalog.yml").write_text(text)
    (tmp_path / "conf/local/globals.yml").write_text("{}\n")
    (tmp_path / "conf/base").symlink_to(PROJECT / "conf/base")

    result = _run(tmp_path, "--pipeline=ingestion")

    assert result.returncode == 1
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--params=ingestion.fromat=1",), r"'fromat'; choose .* mean 'format'\?\n$"),
        (("--env=lng",), r"--env names 'lng', .* mean 'long'\?\n$"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_commands_of_the_cache_say_what_is_wrong_as_a_run_does(
    options: tuple[str, ...], message: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "kedro", "cache", "status", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "400"},
    )

    assert result.returncode == 1
    assert re.search(message, result.stderr), result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left", "/data/x"), "'/data/x'; make room"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/data/x"), None),
    ],
    ids=["full disk", "a mistake of ours"],
)
def test_a_disk_that_cannot_be_written_to_is_no_mistake_of_ours(
    error: OSError, message: str | None
) -> None:
    def fail() -> None:
        raise error

    command = _say_plainly(click.Command("run", callback=fail))

    with pytest.raises((click.ClickException, OSError), match=message) as caught:
        command.callback()  # type: ignore[misc]

    assert isinstance(caught.value, click.ClickException) == (message is not None)


@pytest.mark.parametrize("command", [("run",), ("registry", "list")], ids=str)
def test_a_grid_that_cannot_be_run_is_told_line_by_line(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "src", tmp_path / "src", ignore=ignored)
    (tmp_path / "conf/local").mkdir(parents=True)
    (tmp_path / "conf/base").symlink_to(PROJECT / "conf/base")
    (tmp_path / "conf/local/parameters_compare.yml").write_text(
        "compare:\n  seeds: []\n  methods: {sft_all: {trainer: stf}}\n"
    )

    result = subprocess.run(
        [sys.executable, "-m", "kedro", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "400"},
    )

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Error: conf/base/parameters_compare.yml, conf/local/parameters_compare.yml:",
        "compare.seeds: found []. Tuple should have at least 1 item after validation, "
        "not 0",
        "compare.methods.sft_all.trainer: found 'stf'. Input should be 'sft', "
        "'rl_update' or 'e2e'",
    ]
