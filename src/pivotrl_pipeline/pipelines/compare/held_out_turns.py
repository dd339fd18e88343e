"""Cells judged on turns of held-out tasks: trajectories are all that is needed.

Half of the held-out tasks belongs to the trainings: it says which weights of a training
and which variant of a method are best. The other half is what is reported, and no
training sees it.
"""

import logging
from collections import defaultdict
from dataclasses import replace

import pandas as pd
from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation import suites
from pivotrl_pipeline.evaluation.results import Suite
from pivotrl_pipeline.evaluation.turns import evaluate_turns
from pivotrl_pipeline.parameters.compare import JudgedOn
from pivotrl_pipeline.parameters.ood_evaluation import OodEvaluationParameters
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.pipelines.cells import bind
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import group_candidates, records_to_table
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.records.trajectories import Split
from pivotrl_pipeline.sampling.seeds import derive_seed
from pivotrl_pipeline.selection.statistics import parse_reward_statistics
from pivotrl_pipeline.selection.strategies import SelectionReason, make_rule
from pivotrl_pipeline.verifiers.build import build_verifier

logger = logging.getLogger(__name__)

SEEN, REPORTED = "seen_candidates", "reported_candidates"


def name_tables(grid: str) -> dict[str, str]:
    """The candidates that trainings of a grid may look at, and those of its report."""
    return {
        SEEN: f"{grid}.seen.pivot_candidates",
        REPORTED: f"{grid}.reported.pivot_candidates",
    }


def hold_turns_back(
    all_candidates: pd.DataFrame,
    trajectories: pd.DataFrame,
    *,
    left_out: tuple[str, ...],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidates that trainings may look at, and those that are reported on.

    Args:
        all_candidates: The table `pivot_candidates`.
        trajectories: With their split.
        left_out: Methods that need an environment, to be named in the log.
    """
    if left_out:
        logger.warning(
            "Left out, since they act in an environment and judged_on is 'turns': %s.",
            ", ".join(left_out),
        )
    held_out = trajectories[trajectories["split"] == Split.VALIDATION.value]
    tasks = sorted(
        held_out["task_id"].unique(), key=lambda task: derive_seed(0, "reported", task)
    )
    if len(tasks) < 2:
        raise ConfigurationError(
            f"judged_on is 'turns', but {len(tasks)} task(s) are held out; expected at "
            f"least two, one to choose by and one to report on: raise "
            f"ingestion.validation_rate."
        )
    reported = held_out[held_out["task_id"].isin(tasks[::2])]["trajectory_id"]
    is_reported = all_candidates["trajectory_id"].isin(reported)
    seen, held_back = all_candidates[~is_reported], all_candidates[is_reported]
    return seen.reset_index(drop=True), held_back.reset_index(drop=True)


def evaluate_cell_on_turns(
    policy: PolicyCheckpoint,
    trajectories: pd.DataFrame,
    seen_candidates: pd.DataFrame,
    reported_candidates: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    policy_parameters: PolicyParameters,
    verifier_parameters: VarianceComputationParameters,
    selection: PivotSelectionParameters,
    parameters: OodEvaluationParameters,
    *,
    name: str,
) -> pd.DataFrame:
    """`evaluation_results` of one policy: rewards on turns, and other suites.

    The task of a turn is what selection would say of it.
    """
    loaded = load_policy(policy.location, policy_parameters)
    verifier = build_verifier(verifier_parameters.verifiers[selection.verifier])
    held_out = trajectories[trajectories["split"] == Split.VALIDATION.value]
    is_seen = seen_candidates["trajectory_id"].isin(held_out["trajectory_id"])
    tasks = _judge_outcomes(reward_statistics, selection)
    results = suites.evaluate_out_of_domain(loaded, name, parameters)
    for suite, candidates in (
        (Suite.VALIDATION, seen_candidates[is_seen]),
        (Suite.IN_DOMAIN, reported_candidates),
    ):
        results += evaluate_turns(
            loaded,
            name,
            group_candidates(trajectories, candidates),
            verifier,
            suite,
            tasks,
            max_new_tokens=parameters.max_new_tokens,
            max_prompt_tokens=parameters.max_prompt_tokens,
        )
    return records_to_table(results)


def _judge_outcomes(
    reward_statistics: pd.DataFrame, selection: PivotSelectionParameters
) -> dict[str, str]:
    """By candidate, what the paper's rule says of it, whatever its split."""
    rule = replace(make_rule(selection), strategy="low_mean", keep_all_zero=False)
    own = reward_statistics[reward_statistics["verifier"] == selection.verifier]
    reasons = (rule.judge(each).value for each in parse_reward_statistics(own))
    never_sampled = SelectionReason.NOT_JUDGED.value
    return defaultdict(
        lambda: never_sampled, zip(own["candidate_id"], reasons, strict=True)
    )


def make_holding_pipeline(
    grid: str, judged_on: JudgedOn, left_out: tuple[str, ...] = ()
) -> Pipeline:
    """Which turns are seen, and which are reported on; empty where tasks judge."""
    if judged_on == "tasks":
        return Pipeline([])
    node = Node(
        func=bind(hold_turns_back, left_out=left_out),
        inputs={"all_candidates": "pivot_candidates", "trajectories": "trajectories"},
        outputs=[SEEN, REPORTED],
        name="hold_turns_back",
    )
    return Pipeline(
        [node],
        namespace=grid,
        inputs={"pivot_candidates", "trajectories"},
        outputs=name_tables(grid),
    )


def make_turn_evaluation_node(name: str) -> Node:
    """How good one policy is on turns."""
    return Node(
        func=bind(evaluate_cell_on_turns, name=name),
        inputs={
            "policy": "policy",
            "trajectories": "trajectories",
            SEEN: SEEN,
            REPORTED: REPORTED,
            "reward_statistics": "reward_statistics",
            "policy_parameters": "params:policy",
            "verifier_parameters": "params:variance_computation",
            "selection": "params:pivot_selection",
            "parameters": "params:ood_evaluation",
        },
        outputs="evaluation_results",
        name="evaluate_cell_on_turns",
    )
