"""Both grids on trajectories of an environment that is not at hand."""

import logging

import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.pipelines.small_grids import make_comparison, run_grids

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.pipelines import compare
from pivotrl_pipeline.pipelines.compare.held_out_turns import hold_turns_back


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    return run_grids(
        tmp_path_factory.mktemp("turns"),
        "turns",
        names_environment=False,
        ingestion={"validation_rate": 0.5},
        rl_update={"validation_tasks": 0},
    )


def test_methods_that_need_an_environment_are_left_out(outputs: DataCatalog) -> None:
    cells = outputs.load("comparison_cells")
    pairs = outputs.load("comparison_summary")[["method", "less"]].drop_duplicates()

    assert cells["method"].tolist() == ["pivotrl"] * 2 + ["sft"] * 2
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
    pipeline = compare.create_pipeline(make_comparison("turns"))
    (node,) = (
        n for n in pipeline.nodes if n.name == "compare.sft_0_seed_0.train_supervised"
    )
    assert "pivot_candidates" not in node.inputs


def test_the_report_says_what_its_figures_are(outputs: DataCatalog) -> None:
    report = outputs.load("comparison_report")

    assert "the greedy action at recorded turns" in report
    assert "Left out, since they act in an environment: e2e.\n" in report
    assert "| pivotrl less sft | in-domain | kept |" in report


def test_turns_are_told_apart_by_what_selection_would_say(
    outputs: DataCatalog,
) -> None:
    results = outputs.load("comparison_results").query("suite != 'out_of_domain'")
    means = outputs.load("reward_statistics").query("verifier == 'functional'")
    means = means.set_index("candidate_id")["reward_mean"]
    threshold = outputs.load("params:pivot_selection").low_mean_threshold

    tasks = results.drop_duplicates("item_id").set_index("item_id")["task"]
    for candidate, task in tasks.items():
        mean = means[candidate]
        below = "kept" if mean < threshold else "mean_too_high"
        assert task == {0.0: "always_wrong", 1.0: "always_right"}.get(mean, below)
    assert len(set(tasks)) > 1


def test_the_ablation_needs_no_environment_either(outputs: DataCatalog) -> None:
    summary = outputs.load("ablation_summary")

    assert {"exact_match_all", "functional_mixed"} < set(summary["cell"])
    assert set(summary["suite"]) == {"in_domain", "out_of_domain"}


def test_what_is_left_out_is_said(
    outputs: DataCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = compare.create_pipeline(make_comparison("turns"))

    with caplog.at_level(logging.WARNING):
        SequentialRunner().run(pipeline.only_nodes("compare.hold_turns_back"), outputs)

    assert "judged_on is 'turns': e2e." in caplog.text


def test_tasks_of_an_environment_that_is_not_at_hand_are_refused_with_the_remedy(
    outputs: DataCatalog,
) -> None:
    pipeline = compare.create_pipeline(make_comparison("tasks"))

    with pytest.raises(ConfigurationError, match=r"judged_on is 'turns'"):
        SequentialRunner().run(
            pipeline.only_nodes("compare.initial.evaluate_cell"), outputs
        )


def test_one_held_out_task_cannot_both_choose_and_report(outputs: DataCatalog) -> None:
    trajectories, candidates = (
        outputs.load(name) for name in ("trajectories", "pivot_candidates")
    )
    all_one = trajectories.assign(task_id="one")

    with pytest.raises(ConfigurationError, match=r"1 task\(s\) are held out"):
        hold_turns_back(candidates, all_one, left_out=())
