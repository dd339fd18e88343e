"""The six stages on a handful of trajectories, through the catalog as configured."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

PROJECT = Path(__file__).parents[2]
NUM_TRAJECTORIES = 8
SMALL = {
    "ingestion": {"validation_rate": 0.3},
    "rollout_sampling": {"num_rollouts": 2, "max_new_tokens": 24},
    "pivot_selection": {"strategy": "all"},
    "rl_update": {
        "num_updates": 2,
        "pivots_per_update": 2,
        "group_size": 2,
        "heldout_turns": 4,
        "max_new_tokens": 24,
    },
    "ood_evaluation": {"tasks_per_tier": 3, "items_per_skill": 1, "tiers": ["short"]},
}


def _make_catalog(folder: Path) -> DataCatalog:
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        context = session.load_context()
        entries = deepcopy(context.config_loader["catalog"])
        parameters = deepcopy(context.config_loader["parameters"])
    for entry in entries.values():
        if "06_models/initial_policy" not in str(entry["filepath"]):
            place = str(entry["filepath"]).partition("data/")[2]
            entry["filepath"] = str(folder / place)
    for name, values in SMALL.items():
        parameters[name] |= values
    catalog = DataCatalog.from_config(entries)
    _add_parameters(catalog, parameters)
    return catalog


def _add_parameters(catalog: DataCatalog, parameters: dict[str, Any]) -> None:
    from pivotrl_pipeline.parameters.ingestion import IngestionParameters
    from pivotrl_pipeline.parameters.ood_evaluation import OodEvaluationParameters
    from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
    from pivotrl_pipeline.parameters.policy import PolicyParameters
    from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
    from pivotrl_pipeline.parameters.rollout_sampling import RolloutSamplingParameters
    from pivotrl_pipeline.parameters.variance_computation import (
        VarianceComputationParameters,
    )

    models = {
        "ingestion": IngestionParameters,
        "ood_evaluation": OodEvaluationParameters,
        "pivot_selection": PivotSelectionParameters,
        "policy": PolicyParameters,
        "rl_update": RLUpdateParameters,
        "rollout_sampling": RolloutSamplingParameters,
        "variance_computation": VarianceComputationParameters,
    }
    for name, model in models.items():
        catalog[f"params:{name}"] = model.model_validate(parameters[name])
    limit = parameters["rollout_sampling"]["max_prompt_tokens"]
    catalog["params:rollout_sampling.max_prompt_tokens"] = limit


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    folder = tmp_path_factory.mktemp("run")
    raw = PROJECT / "data/01_raw"
    (folder / "01_raw").mkdir()
    lines = (raw / "order_desk_trajectories.jsonl").read_text().splitlines()
    few = "\n".join(lines[:NUM_TRAJECTORIES]) + "\n"
    (folder / "01_raw/order_desk_trajectories.jsonl").write_text(few)
    tools = (raw / "order_desk_tools.json").read_text()
    (folder / "01_raw/order_desk_tools.json").write_text(tools)
    catalog = _make_catalog(folder)
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


def test_both_policies_answered_the_same_items(outputs: DataCatalog) -> None:
    results: pd.DataFrame = outputs.load("evaluation_results")

    items = results.groupby("policy")["item_id"].agg(list)
    assert items["initial"] == items["trained"]
    assert set(results["suite"]) == {"in_domain", "out_of_domain"}
    assert outputs.load("run_summary").count("|") > 20
