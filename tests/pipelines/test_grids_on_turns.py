"""Both grids on trajectories of an environment that is not at hand."""

import logging
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.pipelines.small_project import make_small_catalog

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.compare import AblateParameters, CompareParameters
from pivotrl_pipeline.pipelines import ablate, compare

COMPARE: dict[str, Any] = {
    "seeds": [0],
    "judged_on": "turns",
    "validation_tasks": 2,
    "fresh_seed": 9,
    "methods": {
        "pivotrl": {
            "trainer": "rl_update",
            "turns": "pivots",
            "settings": {"num_updates": 1},
            "variants": [{"learning_rate": 1.0e-4}],
        },
        "sft": {
            "trainer": "sft",
            "turns": "pivot_candidates",
            "settings": {},
            "variants": [{"learning_rate": 1.0e-3}],
        },
        "e2e": {
            "trainer": "e2e",
            "turns": None,
            "settings": {},
            "variants": [{"learning_rate": 1.0e-3}],
        },
    },
}
ABLATE: dict[str, Any] = {
    "seeds": [0],
    "judged_on": "turns",
    "verifiers": ["exact_match", "functional"],
    "strategies": ["all"],
    "settings": {"num_updates": 1, "validation_tasks": 0},
}
PROFILE = ("ingestion", "rollout_sampling", "variance_computation", "pivot_selection")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = make_small_catalog(
        tmp_path_factory.mktemp("turns"),
        names_environment=False,
        compare=COMPARE,
        ablate=ABLATE,
        ingestion={"validation_rate": 0.5},
    )
    grids = [
        compare.create_pipeline(CompareParameters.model_validate(COMPARE)),
        ablate.create_pipeline(AblateParameters.model_validate(ABLATE)),
    ]
    profile = sum((pipelines[name] for name in PROFILE[1:]), pipelines[PROFILE[0]])
    SequentialRunner().run(sum(grids, profile), catalog)
    return catalog


def test_methods_that_need_an_environment_are_left_out(outputs: DataCatalog) -> None:
    cells = outputs.load("comparison_cells")
    pairs = outputs.load("comparison_summary")[["method", "less"]].drop_duplicates()

    assert cells["method"].tolist() == ["pivotrl", "sft"]
    assert pairs.to_numpy().tolist() == [
        ["pivotrl", "initial"],
        ["sft", "initial"],
        ["pivotrl", "sft"],
    ]


def test_turns_of_different_tasks_choose_and_report(outputs: DataCatalog) -> None:
    results = outputs.load("comparison_results")
    trajectories = outputs.load("trajectories").set_index("trajectory_id")
    candidates = outputs.load("pivot_candidates").set_index("candidate_id")

    items = results[results["suite"] != "out_of_domain"].drop_duplicates("item_id")
    rows = trajectories.loc[candidates.loc[items["item_id"], "trajectory_id"]]
    assert set(rows["split"]) == {"validation"}
    tasks = rows["task_id"].groupby(items["suite"].tolist()).agg(set)
    assert tasks["in_domain"]
    assert tasks["validation"]
    assert not tasks["in_domain"] & tasks["validation"]
    held_out = trajectories.loc[trajectories["split"] == "validation", "task_id"]
    assert tasks["in_domain"] | tasks["validation"] == set(held_out)


def test_trainings_see_no_turn_that_is_reported(outputs: DataCatalog) -> None:
    seen = set(outputs.load("compare.seen.pivot_candidates")["candidate_id"])
    reported = set(outputs.load("compare.reported.pivot_candidates")["candidate_id"])

    every = set(outputs.load("pivot_candidates")["candidate_id"])
    assert seen | reported == every
    assert not seen & reported
    pipeline = compare.create_pipeline(CompareParameters.model_validate(COMPARE))
    (node,) = (
        n for n in pipeline.nodes if n.name == "compare.sft_0_seed_0.train_supervised"
    )
    assert "pivot_candidates" not in node.inputs


def test_the_report_says_what_its_figures_are(outputs: DataCatalog) -> None:
    report = outputs.load("comparison_report")

    assert "the greedy action at recorded turns" in report
    assert "| pivotrl less sft | in-domain | tool_call |" in report


def test_the_ablation_needs_no_environment_either(outputs: DataCatalog) -> None:
    summary = outputs.load("ablation_summary")

    assert set(summary["cell"]) == {"exact_match_all", "functional_all"}
    assert set(summary["suite"]) == {"in_domain", "out_of_domain"}


def test_what_is_left_out_is_said(
    outputs: DataCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = compare.create_pipeline(CompareParameters.model_validate(COMPARE))

    with caplog.at_level(logging.WARNING):
        SequentialRunner().run(pipeline.only_nodes("compare.hold_turns_back"), outputs)

    assert "judged_on is 'turns': e2e." in caplog.text


def test_tasks_of_an_environment_that_is_not_at_hand_are_refused_with_the_remedy(
    outputs: DataCatalog,
) -> None:
    on_tasks = CompareParameters.model_validate({**COMPARE, "judged_on": "tasks"})
    pipeline = compare.create_pipeline(on_tasks)

    with pytest.raises(ConfigurationError, match=r"judged_on is 'turns'"):
        SequentialRunner().run(
            pipeline.only_nodes("compare.initial.evaluate_cell"), outputs
        )
