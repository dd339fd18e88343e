"""Nodes of the grids: evaluate a cell, put all cells side by side, report."""

import pandas as pd

from pivotrl_pipeline.evaluation import comparison, suites
from pivotrl_pipeline.evaluation.results import Suite
from pivotrl_pipeline.parameters.compare import CompareParameters, JudgedOn
from pivotrl_pipeline.parameters.ood_evaluation import (
    EvaluationSummaryParameters,
    OodEvaluationParameters,
)
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.pipelines.cells import Cell
from pivotrl_pipeline.pipelines.ood_evaluation.nodes import INITIAL
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import parse_trajectories, records_to_table
from pivotrl_pipeline.records.messages import JsonValue, dump_json
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.reporting import comparison as reporting
from pivotrl_pipeline.reporting import curves as curves_reporting
from pivotrl_pipeline.rl.episode_tasks import find_training_tasks

CURVE_METRIC: dict[JudgedOn, str] = {
    "tasks": "validation/success",
    "turns": "heldout/reward_mean",
}
"""What is measured as a training goes on."""


def evaluate_cell(
    policy: PolicyCheckpoint,
    trajectories: pd.DataFrame,
    policy_parameters: PolicyParameters,
    parameters: OodEvaluationParameters,
    validation_tasks: int,
    *,
    name: str,
) -> pd.DataFrame:
    """`evaluation_results` of one policy, validation tasks among them."""
    world = find_training_tasks(parse_trajectories(trajectories).values()).environment
    loaded = load_policy(policy.location, policy_parameters)
    validation = suites.evaluate_validation(
        loaded, name, world, parameters, tasks_per_tier=validation_tasks
    )
    return records_to_table(
        validation + suites.evaluate_policy(loaded, name, world, parameters)
    )


def collect_cells(
    sampling_cost: pd.DataFrame,
    initial_results: pd.DataFrame,
    *tables: pd.DataFrame,
    cells: tuple[Cell, ...],
    judged_on: JudgedOn,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Items, cells and curves of a grid.

    Args:
        sampling_cost: Of the profile: what a cell on pivots costs besides.
        initial_results: Of the initial policy.
        *tables: Evaluation results of all cells, then metrics of all cells.
        cells: In that order.
        judged_on: What curves are of.
    """
    results, metrics = tables[: len(cells)], tables[len(cells) :]
    ((num_samples, seconds),) = sampling_cost[["num_samples", "seconds"]].to_numpy()
    profile = (int(num_samples), float(seconds))
    described = [
        _describe_cell(*each, profile)
        for each in zip(cells, results, metrics, strict=True)
    ]
    curves = [
        _extract_curve(cell, table, initial_results, CURVE_METRIC[judged_on], profile)
        for cell, table in zip(cells, metrics, strict=True)
    ]
    return (
        pd.concat([initial_results, *results], ignore_index=True),
        pd.DataFrame(described).astype({"out_of_domain": "float64"}),
        pd.concat(curves, ignore_index=True),
    )


def _describe_cell(
    cell: Cell,
    results: pd.DataFrame,
    metrics: pd.DataFrame,
    profile: tuple[int, float],
) -> dict[str, object]:
    turns, seconds = (each * cell.needs_profile for each in profile)
    means = results.groupby("suite")["score"].mean()
    settings: dict[str, JsonValue] = dict(cell.settings)
    return {
        "cell": cell.name,
        "method": cell.method,
        "variant": cell.variant,
        "seed": cell.seed,
        "settings": dump_json(settings),
        "validation_success": means[Suite.VALIDATION.value],
        "in_domain": means[Suite.IN_DOMAIN.value],
        "out_of_domain": means.get(Suite.OUT_OF_DOMAIN.value),
        "num_updates": len(metrics),
        "rollout_turns": int(_count(metrics, "rollout_turns").max()),
        "profiling_turns": int(turns + _count(metrics, "profiling_turns").max()),
        "tokens_forwarded": int(metrics["tokens/forwarded"].sum()),
        "seconds": float(metrics.filter(like="seconds/").sum().sum()),
        "profiling_seconds": float(seconds),
    }


def _extract_curve(
    cell: Cell,
    metrics: pd.DataFrame,
    initial_results: pd.DataFrame,
    measured: str,
    profile: tuple[int, float],
) -> pd.DataFrame:
    """Success over updates, turns and seconds, from the initial policy on.

    Where a training did not measure what it began with, the curve begins at the mean
    of ``initial_results``.
    """
    turns, seconds = (each * cell.needs_profile for each in profile)
    validation = initial_results[initial_results["suite"] == Suite.VALIDATION.value]
    nothing = pd.Series(dtype="float64")
    begun = metrics.get(f"{measured}_before", nothing).dropna().tolist()
    success = metrics.get(measured, nothing).dropna()
    spent = pd.DataFrame(
        {
            "num_updates": metrics["update_index"] + 1,
            "rollout_turns": _count(metrics, "rollout_turns"),
            "profiling_turns": _count(metrics, "profiling_turns") + turns,
            "seconds": metrics.filter(like="seconds/").sum(axis=1).cumsum(),
        }
    )
    start: dict[str, float] = {
        "num_updates": 0,
        "rollout_turns": 0,
        "profiling_turns": turns,
        "seconds": 0.0,
    }
    curve = pd.concat([pd.DataFrame([start]), spent.loc[success.index]])
    return curve.assign(
        profiling_seconds=float(seconds),
        validation_success=[*(begun or [validation["score"].mean()]), *success],
        cell=cell.name,
        method=cell.method,
        variant=cell.variant,
    )


def _count(metrics: pd.DataFrame, column: str) -> pd.Series:
    """A running count of turns; 0 where the trainer samples none."""
    counts: pd.Series = metrics.get(column, pd.Series(0, index=metrics.index))
    return counts


def compare_methods(
    comparison_results: pd.DataFrame,
    comparison_cells: pd.DataFrame,
    evaluation: EvaluationSummaryParameters,
    parameters: CompareParameters,
) -> pd.DataFrame:
    """`comparison_summary`: each method less the initial policy, the first less each.

    The variant of each method is the one with the best validation success.
    """
    validation = comparison_cells.rename(columns={"validation_success": "success"})
    chosen = comparison.choose_variants(validation)
    cells_by_method = {
        method: tuple(
            comparison_cells.loc[
                (comparison_cells["method"] == method)
                & (comparison_cells["variant"] == chosen[method]),
                "cell",
            ]
        )
        for method in parameters.trained_methods
    }
    first, *others = parameters.trained_methods
    pairs = [(method, INITIAL) for method in parameters.trained_methods]
    pairs += [(first, other) for other in others]
    reported = comparison_results[comparison_results["suite"] != Suite.VALIDATION.value]
    return pd.concat(
        [
            comparison.contrast_cells(
                reported,
                {
                    cells_by_method[method]: 1.0,
                    cells_by_method.get(less, (less,)): -1.0,
                },
                confidence=evaluation.confidence,
                num_resamples=evaluation.num_resamples,
                seed=evaluation.seed,
            ).assign(method=method, less=less, variant=chosen[method])
            for method, less in pairs
        ],
        ignore_index=True,
    )


def report_comparison(
    comparison_summary: pd.DataFrame,
    comparison_cells: pd.DataFrame,
    comparison_curves: pd.DataFrame,
    evaluation: EvaluationSummaryParameters,
    parameters: CompareParameters,
) -> tuple[pd.DataFrame, str, object]:
    """`comparison_turns`, `comparison_report` and `comparison_curves_figure`."""
    chosen = comparison_summary.drop_duplicates("method").set_index("method")
    variant = comparison_curves["method"].map(chosen["variant"])
    curves = comparison_curves[comparison_curves["variant"] == variant]
    methods = parameters.trained_methods
    whole_episodes = [name for name, each in methods.items() if each.trainer == "e2e"]
    first, *_ = [*whole_episodes, *methods]
    turns = curves_reporting.measure_turns(curves, reference=first)
    report = reporting.render_comparison(
        comparison_summary,
        comparison_cells,
        turns,
        curves,
        initial=INITIAL,
        confidence=evaluation.confidence,
        judged_on=parameters.judged_on,
        left_out=parameters.left_out_methods,
    )
    return turns, report, curves_reporting.draw_curves(curves)
