"""Both grids with few, tiny cells, through the catalog's patterns as configured."""

import pytest
from kedro.io import DataCatalog
from tests.pipelines.small_grids import COMPARE, run_grids

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.sampling.episodes import take_validation_tasks


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    return run_grids(tmp_path_factory.mktemp("grids"), "tasks")


def test_a_cell_a_method_variant_and_seed(outputs: DataCatalog) -> None:
    cells = outputs.load("comparison_cells")

    assert cells["cell"].tolist() == [
        f"{method}_0_seed_{seed}" for method in COMPARE["methods"] for seed in (0, 1)
    ]


def test_costs_are_what_each_method_spent(outputs: DataCatalog) -> None:
    cells = outputs.load("comparison_cells").set_index("cell")
    num_candidates = len(outputs.load("pivot_candidates"))

    pivotrl, sft, e2e = (
        cells.loc[f"{name}_0_seed_1"] for name in ("pivotrl", "sft", "e2e")
    )

    assert pivotrl["rollout_turns"] == 2 * 2  # pivots in an update, actions at each
    assert pivotrl["profiling_turns"] == 8 * num_candidates  # a block, for K = 4
    (seconds,) = outputs.load("sampling_cost")["seconds"]
    assert pivotrl["profiling_seconds"] == seconds > 0
    assert (sft["rollout_turns"], sft["profiling_turns"]) == (0, 0)
    assert e2e["rollout_turns"] >= 2 * 2  # episodes of at least one turn
    assert (e2e["profiling_turns"], e2e["profiling_seconds"]) == (0, 0)
    assert sft["tokens_forwarded"] > 0


def test_seeds_train_apart(outputs: DataCatalog) -> None:
    one, other = (
        outputs.load(f"compare.sft_0_seed_{seed}.policy").fingerprint for seed in (0, 1)
    )

    assert one != other


def test_every_pair_is_contrasted_on_all_reported_items(outputs: DataCatalog) -> None:
    summary = outputs.load("comparison_summary")

    pairs = summary[["method", "less"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [
        ["pivotrl", "initial"],
        ["sft", "initial"],
        ["e2e", "initial"],
        ["pivotrl", "sft"],
        ["pivotrl", "e2e"],
    ]
    whole = summary[summary["task"] == "mean"].groupby("suite")["num_items"].unique()
    assert {suite: items.tolist() for suite, items in whole.items()} == {
        "in_domain": [3],
        "out_of_domain": [10],
    }


def test_the_report_holds_every_cell(outputs: DataCatalog) -> None:
    report = outputs.load("comparison_report")

    assert all(cell in report for cell in outputs.load("comparison_cells")["cell"])
    assert "pivotrl less sft" in report


def test_every_training_has_its_curve_from_the_initial_policy_on(
    outputs: DataCatalog,
) -> None:
    curves = outputs.load("comparison_curves").set_index("cell")
    cells = outputs.load("comparison_cells").set_index("cell")

    first, last = (
        curves.groupby("cell").nth(place).loc[cells.index] for place in (0, -1)
    )
    assert (first[["num_updates", "rollout_turns"]] == 0).all(axis=None)
    assert first["validation_success"].nunique() == 1  # one policy, the same tasks
    for name in ("num_updates", "rollout_turns", "profiling_turns"):
        assert last[name].tolist() == cells[name].tolist()
    assert len(outputs.load("comparison_curves_figure").data) > 0


def test_no_task_both_chooses_weights_and_variants(outputs: DataCatalog) -> None:
    results = outputs.load("comparison_results")
    chosen_by = results.loc[results["suite"] == "validation", "item_id"].unique()
    trained_by = take_validation_tasks(
        OrderDesk(), tier="short", count=2, max_new_tokens=1, max_prompt_tokens=1
    )

    assert len(chosen_by) == len(trained_by.tasks) == 2
    assert not set(chosen_by) & {task.task_id for task in trained_by.tasks}


def test_a_selection_is_shared_by_the_seeds_of_its_cells(outputs: DataCatalog) -> None:
    pivots = outputs.load("ablate.exact_match_all.pivots")

    assert set(pivots["verifier"]) == {"exact_match"}
    assert len(outputs.load("ablate.functional_mixed.pivots")) < len(pivots)


def test_the_ablation_has_each_cell_and_the_interaction(outputs: DataCatalog) -> None:
    summary = outputs.load("ablation_summary")
    whole = summary[(summary["task"] == "mean") & (summary["suite"] == "in_domain")]
    change = whole[whole["contrast"] == "change"].set_index("cell")["change"]
    (interaction,) = whole.loc[whole["contrast"] == "interaction", "change"]

    assert interaction == pytest.approx(
        (change["functional_mixed"] - change["functional_all"])
        - (change["exact_match_mixed"] - change["exact_match_all"])
    )


def test_pivots_are_sampled_again_with_another_seed(outputs: DataCatalog) -> None:
    pivots, fresh = outputs.load("pivots"), outputs.load("compare.fresh.rollouts")
    keys = ["candidate_id", "sample_index"]
    both = fresh.merge(outputs.load("rollouts"), on=keys, suffixes=("", "_profile"))

    assert set(fresh["candidate_id"]) == set(pivots["candidate_id"])
    assert len(both) == len(fresh) == 4 * len(pivots)
    assert (both["text"] != both["text_profile"]).any()
    assert f"{len(pivots):,} pivots" in outputs.load("profile_report")
    assert len(outputs.load("profile_figure").data) == 3
