"""Nodes of stage 6."""

import pandas as pd

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.evaluation import suites
from pivotrl_pipeline.evaluation.summary import summarise_results
from pivotrl_pipeline.parameters.ood_evaluation import (
    EvaluationSummaryParameters,
    OodEvaluationParameters,
)
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import records_to_table
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.reporting.run_summary import log_run_summary, render_run_summary

INITIAL, TRAINED = "initial", "trained"


def evaluate_initial_policy(
    initial_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
    parameters: OodEvaluationParameters,
) -> pd.DataFrame:
    """`initial_evaluation_results`."""
    return _evaluate(initial_policy, INITIAL, policy_parameters, parameters)


def evaluate_trained_policy(
    trained_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
    parameters: OodEvaluationParameters,
) -> pd.DataFrame:
    """`trained_evaluation_results`."""
    return _evaluate(trained_policy, TRAINED, policy_parameters, parameters)


def summarise_evaluation(
    initial_evaluation_results: pd.DataFrame,
    trained_evaluation_results: pd.DataFrame,
    parameters: EvaluationSummaryParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`evaluation_results` of both policies, and `evaluation_summary`."""
    results = pd.concat(
        [initial_evaluation_results, trained_evaluation_results], ignore_index=True
    )
    summary = summarise_results(
        results,
        initial=INITIAL,
        confidence=parameters.confidence,
        num_resamples=parameters.num_resamples,
        seed=parameters.seed,
    )
    return results, summary


def report_run(
    evaluation_summary: pd.DataFrame,
    selection_report: pd.DataFrame,
    training_metrics: pd.DataFrame,
    parameters: EvaluationSummaryParameters,
) -> str:
    """`run_summary`: what was selected, spent and gained."""
    tables = (evaluation_summary, selection_report, training_metrics)
    log_run_summary(*tables, report_folder=parameters.report_folder)
    return render_run_summary(*tables, confidence=parameters.confidence)


def _evaluate(
    checkpoint: PolicyCheckpoint,
    name: str,
    policy_parameters: PolicyParameters,
    parameters: OodEvaluationParameters,
) -> pd.DataFrame:
    results = suites.evaluate_policy(
        load_policy(checkpoint.location, policy_parameters),
        name,
        OrderDesk(),
        parameters,
    )
    return records_to_table(results)
