"""Cells: what they are called, what they change, and what a grid may say."""

import inspect
import pickle
import typing
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.pipeline import Node
from pydantic import ValidationError

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.compare import AblateParameters, CompareParameters
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.pipelines import cells
from pivotrl_pipeline.pipelines.cells import Cell, bind, read_grid, with_settings
from pivotrl_pipeline.pipelines.compare.pipeline import list_cells

PARAMETERS = PivotSelectionParameters(
    strategy="low_mean",
    verifier="functional",
    low_mean_threshold=0.6,
    include_threshold=False,
    keep_all_zero=False,
)
SFT = {
    "trainer": "sft",
    "turns": "pivots",
    "settings": {},
    "variants": [{"learning_rate": 1.0e-3}],
}
GRID = {
    "seeds": [0, 1],
    "judged_on": "tasks",
    "validation_tasks": 5,
    "fresh_seed": 9,
    "methods": {"sft": SFT},
}


@pytest.fixture(autouse=True)
def _no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_run_folders", ())


def describe(
    turns: str, parameters: PivotSelectionParameters, *, name: str = "none"
) -> str:
    """What it was given."""
    return f"{turns} {parameters.strategy} {parameters.low_mean_threshold} {name}"


def write_grid(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "parameters_compare.yml").write_text(text)


def test_settings_take_the_place_of_parameters_and_leave_the_rest() -> None:
    changed = with_settings(describe, parameters={"strategy": "all"})

    assert changed(turns="t", parameters=PARAMETERS) == "t all 0.6 none"
    assert describe("t", PARAMETERS) == "t low_mean 0.6 none"


def test_settings_change_the_argument_that_they_name() -> None:
    def contrast(
        first: PivotSelectionParameters, second: PivotSelectionParameters
    ) -> str:
        return f"{first.strategy} {second.strategy}"

    changed = with_settings(contrast, first=None, second={"strategy": "mixed"})

    assert changed(first=PARAMETERS, second=PARAMETERS) == "low_mean mixed"
    assert with_settings(contrast, first=None, second={}) is contrast


def test_settings_are_validated_as_parameters_are() -> None:
    changed = with_settings(describe, parameters={"low_mean_threshold": 7})

    with pytest.raises(ValueError, match="low_mean_threshold"):
        changed(turns="t", parameters=PARAMETERS)


@pytest.mark.parametrize(
    "function",
    [with_settings(describe, parameters={"strategy": "all"}), bind(describe, name="a")],
    ids=["with_settings", "bind"],
)
def test_a_node_function_keeps_its_name_and_its_hints_and_travels(
    function: typing.Any,
) -> None:
    assert function.__name__ == "describe"
    assert function.__doc__ == "What it was given."
    assert typing.get_type_hints(function)["parameters"] is PivotSelectionParameters
    again = pickle.loads(ForkingPickler.dumps(function))
    assert again.__name__ == "describe"
    arguments = {"turns": "t", "parameters": PARAMETERS}
    assert again(**arguments) == function(**arguments)


def test_inputs_of_changed_functions_stay_in_the_order_of_their_arguments() -> None:
    # Kedro pairs both by position, to find the model of each parameter.
    changed = with_settings(describe, parameters={"strategy": "all"})

    inputs = {"parameters": "params:p", "name": "n", "turns": "t"}

    assert Node(changed, inputs, "outcome").inputs == ["t", "params:p", "n"]


def test_what_is_bound_is_no_input_any_more() -> None:
    assert list(inspect.signature(bind(describe, name="a")).parameters) == [
        "turns",
        "parameters",
    ]


def test_a_cell_is_named_after_what_it_is() -> None:
    assert Cell("sft", 1, 3, needs_profile=False).name == "sft_1_seed_3"


def test_local_is_merged_into_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\npackage_name = 'x'\n")
    write_grid(
        tmp_path / "conf/base",
        "ablate: {seeds: [0], judged_on: tasks, verifiers: [a], strategies: [all],"
        " settings: {num_updates: 3}}",
    )
    write_grid(
        tmp_path / "conf/local", "ablate: {seeds: [4, 5], settings: {group_size: 4}}"
    )
    monkeypatch.chdir(tmp_path)

    grid = read_grid("ablate", AblateParameters)

    assert grid is not None
    assert grid.seeds == (4, 5)
    assert grid.verifiers == ("a",)
    assert grid.settings == {"num_updates": 3, "group_size": 4}


def test_the_environment_of_the_run_stands_in_place_of_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\npackage_name = 'x'\n")
    rest = "judged_on: tasks, verifiers: [a], strategies: [all], settings: {}"
    write_grid(tmp_path / "conf/base", f"ablate: {{seeds: [0], {rest}}}")
    write_grid(tmp_path / "conf/local", "ablate: {seeds: [1]}")
    folder = tmp_path / "conf/long"
    folder.mkdir()
    (folder / "parameters.yml").write_text("sft: {}\nablate:\n  seeds: [2, 3]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEDRO_ENV", "long")

    grid = read_grid("ablate", AblateParameters)

    assert grid is not None
    assert grid.seeds == (2, 3)


@pytest.mark.parametrize(
    "file",
    [
        "parameters_compare.yaml",
        "parameters.json",
        "parameters/compare.yml",
        "parameters_mine/deep/compare.yml",
        "mine/parameters.yml",
        "mine/compare.yml",
        ".hidden/parameters.yml",
        "parameters/.hidden.yml",
    ],
)
def test_a_grid_is_read_from_the_files_that_kedro_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    rest = "judged_on: tasks, verifiers: [a], strategies: [all], settings: {}"
    write_grid(tmp_path / "base", f"ablate: {{seeds: [0], {rest}}}")
    written = tmp_path / "mine" / file
    written.parent.mkdir(parents=True)
    written.write_text('{"sft": {}, "ablate": {"seeds": [1, 2]}}')
    loader = OmegaConfigLoader(
        str(tmp_path),
        base_env="base",
        default_run_env="mine",
        merge_strategy={"parameters": "soft"},
    )
    monkeypatch.setattr(cells, "_run_folders", (tmp_path / "base", tmp_path / "mine"))

    grid = read_grid("ablate", AblateParameters)

    assert grid is not None
    assert list(grid.seeds) == loader["parameters"]["ablate"]["seeds"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "compare: {}",
            r"parameters\*.yml: the grid 'ablate' cannot be read",
        ),
        ("ablate: [", r"parameters_compare.yml: the grid 'ablate' cannot be read "),
        (
            "ablate: {seeds: []}",
            r"_compare.yml:\nablate.seeds: found \[\]\. ",
        ),
    ],
)
def test_a_grid_that_cannot_be_read_is_told_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\npackage_name = 'x'\n")
    write_grid(tmp_path / "conf/base", content)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=message):
        read_grid("ablate", AblateParameters)


def test_outside_a_project_there_is_no_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert read_grid("compare", CompareParameters) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [0, 1, 0]}, "seeds\n.*0 is listed more than once"),
        ({"verifiers": ["a", "a"]}, "verifiers\n.*'a' is listed more than once"),
        ({"strategies": ["all", "all"]}, "strategies\n.*'all' is listed more than"),
    ],
)
def test_no_training_is_listed_twice(changes: dict[str, Any], message: str) -> None:
    grid = {
        "seeds": [0],
        "judged_on": "tasks",
        "verifiers": ["a"],
        "strategies": ["all"],
        "settings": {},
    }

    with pytest.raises(ValidationError, match=message):
        AblateParameters.model_validate(grid | changes)


def test_seeds_of_a_comparison_are_distinct() -> None:
    with pytest.raises(ValidationError, match="0 is listed more than once"):
        CompareParameters.model_validate({**GRID, "seeds": [0, 0]})


def test_methods_must_be_tuned_alike() -> None:
    twice = {**SFT, "variants": [{}, {"num_epochs": 2}]}

    with pytest.raises(ValidationError, match="different numbers of variants"):
        CompareParameters.model_validate(
            {**GRID, "methods": {"sft": SFT, "sft_twice": twice}}
        )


def test_a_setting_that_the_trainer_does_not_have_is_refused_by_name() -> None:
    wrong = {**SFT, "variants": [{"learning_rat": 1.0}]}

    with pytest.raises(ValidationError, match=r"no parameter 'learning_rat'"):
        CompareParameters.model_validate({**GRID, "methods": {"sft": wrong}})


@pytest.mark.parametrize(
    ("trainer", "turns"), [("sft", None), ("rl_update", "pivot_candidates")]
)
def test_turns_that_a_trainer_cannot_take_are_refused(
    trainer: str, turns: str | None
) -> None:
    wrong = {**SFT, "trainer": trainer, "turns": turns}

    with pytest.raises(ValidationError, match=f"trainer '{trainer}' has the turns"):
        CompareParameters.model_validate({**GRID, "methods": {"sft": wrong}})


def test_methods_that_need_an_environment_are_left_out_where_turns_judge() -> None:
    e2e = {**SFT, "trainer": "e2e", "turns": None}
    methods = {"e2e": e2e, "sft": SFT}

    def read(judged_on: str) -> CompareParameters:
        return CompareParameters.model_validate(
            {**GRID, "judged_on": judged_on, "methods": methods}
        )

    assert list(read("tasks").trained_methods) == ["e2e", "sft"]
    assert list(read("turns").trained_methods) == ["sft"]
    assert {
        cell.settings["validation_tasks"] for _, cell in list_cells(read("tasks"))
    } == {5}
    assert {
        cell.settings["validation_tasks"] for _, cell in list_cells(read("turns"))
    } == {0}


def test_a_grid_of_which_nothing_is_left_is_refused() -> None:
    e2e = {**SFT, "trainer": "e2e", "turns": None}

    with pytest.raises(ValidationError, match="no other is in compare"):
        CompareParameters.model_validate(
            {**GRID, "judged_on": "turns", "methods": {"e2e": e2e}}
        )
