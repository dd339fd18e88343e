"""The six stages on a handful of trajectories, through the catalog as configured."""

import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
from tests.pipelines.small_project import NUM_TRAJECTORIES, make_small_catalog

from pivotrl_pipeline.pipelines import rl_update


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    catalog = make_small_catalog(tmp_path_factory.mktemp("run"))
    from kedro.framework.project import pipelines

    SequentialRunner().run(pipelines["pivot"], catalog)
    return catalog


def test_every_turn_is_a_candidate_with_its_length(outputs: DataCatalog) -> None:
    trajectories = outputs.load("trajectories")
    candidates = outputs.load("pivot_candidates")

    turns = [
        sum(message["role"] == "assistant" for message in json.loads(messages))
        for messages in trajectories["messages"]
    ]
    assert len(trajectories) == NUM_TRAJECTORIES
    assert len(candidates) == sum(turns)
    assert candidates["prompt_tokens"].notna().all()


def test_every_candidate_has_k_rollouts_and_as_many_verdicts_of_each_verifier(
    outputs: DataCatalog,
) -> None:
    candidates = outputs.load("pivot_candidates")
    rollouts, verdicts = outputs.load("rollouts"), outputs.load("verdicts")

    assert len(rollouts) == 2 * len(candidates)
    counts = verdicts["verifier"].value_counts().to_dict()
    assert counts == {"functional": len(rollouts), "exact_match": len(rollouts)}


def test_logprobs_stand_beside_every_token(outputs: DataCatalog) -> None:
    rollouts = outputs.load("rollouts")

    lengths = rollouts["token_ids"].map(len)
    assert (lengths == rollouts["logprobs"].map(len)).all()
    assert rollouts["token_ids"].iloc[0].dtype == "int32"


def test_an_exact_match_is_never_judged_better_than_an_equivalent_action(
    outputs: DataCatalog,
) -> None:
    rewards = outputs.load("verdicts").pivot(
        index=["candidate_id", "sample_index"], columns="verifier", values="reward"
    )

    assert (rewards["exact_match"] <= rewards["functional"]).all()


def test_update_leaves_a_policy_with_its_lineage_and_metrics(
    outputs: DataCatalog,
) -> None:
    policy = outputs.load("trained_policy")
    metrics = outputs.load("training_metrics")

    lineage = json.loads((Path(policy.location) / "lineage.json").read_text())
    initial = outputs.load("initial_policy").fingerprint
    assert lineage["initial_policy"]["fingerprint"] == initial
    assert lineage["pivots"]["count"] == len(outputs.load("pivots"))
    assert metrics["rollout_turns"].tolist() == [4, 8]
    assert metrics["validation/success"].notna().tolist() == [False, True]


def test_pivots_are_selected_again_where_too_few_groups_are_informative(
    outputs: DataCatalog,
) -> None:
    settings = {
        "reprofile_below": 1.0,
        "reprofile_window": 1,
        "reprofile_candidates": 3,
        "validation_tasks": 0,
    }
    (node,) = rl_update.create_pipeline(settings, {"strategy": "mixed"}).nodes

    made = node.run({name: outputs.load(name) for name in node.inputs})

    # two actions at each of three candidates, before the second update
    assert made["training_metrics"]["profiling_turns"].tolist() == [0, 6]


def test_both_policies_answered_the_same_items(outputs: DataCatalog) -> None:
    results: pd.DataFrame = outputs.load("evaluation_results")

    items = results.groupby("policy")["item_id"].agg(list)
    assert items["initial"] == items["trained"]
    assert set(results["suite"]) == {"in_domain", "out_of_domain"}
    assert outputs.load("run_summary").count("|") > 20
