"""Nodes of the grids: evaluate a cell, put all cells side by side, report."""

import pandas as pd

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.evaluation import comparison, suites
from pivotrl_pipeline.evaluation.results import Suite
from pivotrl_pipeline.parameters.compare import CompareParameters
from pivotrl_pipeline.parameters.ood_evaluation import OodEvaluationParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.pipelines.cells import Cell
from pivotrl_pipeline.pipelines.ood_evaluation.nodes import INITIAL, make_plan
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.records.frames import records_to_table
from pivotrl_pipeline.records.messages import JsonValue, dump_json
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.reporting import comparison as reporting


def evaluate_cell(
    policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
    parameters: OodEvaluationParameters,
    validation_tasks: int,
    *,
    name: str,
) -> pd.DataFrame:
    """`evaluation_results` of one policy, validation tasks among them."""
    loaded = load_policy(policy.location, policy_parameters)
    plan = make_plan(parameters)
    world = OrderDesk()
    validation = suites.evaluate_validation(
        loaded, name, world, plan, tasks_per_tier=validation_tasks
    )
    return records_to_table(
        validation + suites.evaluate_policy(loaded, name, world, plan)
    )


def collect_cells(
    rollouts: pd.DataFrame,
    initial_results: pd.DataFrame,
    *tables: pd.DataFrame,
    cells: tuple[Cell, ...],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Items, cells and curves of a grid.

    Args:
        rollouts: The profile; its turns are what a cell on pivots costs besides.
        initial_results: Of the initial policy.
        *tables: Evaluation results of all cells, then metrics of all cells.
        cells: In that order.
    """
    results, metrics = tables[: len(cells)], tables[len(cells) :]
    profiled = int(rollouts["error"].isna().sum())
    rows = [
        _describe_cell(*each, profiled)
        for each in zip(cells, results, metrics, strict=True)
    ]
    curves = [
        _extract_curve(cell, table, initial_results)
        for cell, table in zip(cells, metrics, strict=True)
    ]
    return (
        pd.concat([initial_results, *results], ignore_index=True),
        pd.DataFrame(rows),
        pd.concat(curves, ignore_index=True),
    )


def _describe_cell(
    cell: Cell, results: pd.DataFrame, metrics: pd.DataFrame, profiled: int
) -> dict[str, object]:
    means = results.groupby("suite")["score"].mean()
    turns = metrics.get("rollout_turns")
    settings: dict[str, JsonValue] = dict(cell.settings)
    return {
        "cell": cell.name,
        "method": cell.method,
        "variant": cell.variant,
        "seed": cell.seed,
        "settings": dump_json(settings),
        "validation_success": means[Suite.VALIDATION.value],
        "in_domain": means[Suite.IN_DOMAIN.value],
        "out_of_domain": means[Suite.OUT_OF_DOMAIN.value],
        "num_updates": len(metrics),
        "rollout_turns": 0 if turns is None else int(turns.max()),
        "profiling_turns": profiled if cell.needs_profile else 0,
        "tokens_forwarded": int(metrics["tokens/forwarded"].sum()),
        "seconds": float(metrics.filter(like="seconds/").sum().sum()),
    }


def _extract_curve(
    cell: Cell, metrics: pd.DataFrame, initial_results: pd.DataFrame
) -> pd.DataFrame:
    """Validation success over rollout turns, from the initial policy on."""
    validation = initial_results[initial_results["suite"] == Suite.VALIDATION.value]
    start = {"rollout_turns": 0, "validation_success": validation["score"].mean()}
    measured = metrics[metrics["validation/success"].notna()]
    turns = measured.get("rollout_turns", pd.Series(0, index=measured.index))
    points = pd.DataFrame(
        {"rollout_turns": turns, "validation_success": measured["validation/success"]}
    )
    curve = pd.concat([pd.DataFrame([start]), points], ignore_index=True)
    return curve.assign(cell=cell.name, method=cell.method, variant=cell.variant)


def compare_methods(
    comparison_results: pd.DataFrame,
    comparison_cells: pd.DataFrame,
    evaluation: OodEvaluationParameters,
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
        for method in parameters.methods
    }
    first, *others = parameters.methods
    pairs = [(method, INITIAL) for method in parameters.methods]
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
    evaluation: OodEvaluationParameters,
    parameters: CompareParameters,
) -> tuple[pd.DataFrame, str, object]:
    """`comparison_turns`, `comparison_report` and `comparison_curves_figure`."""
    chosen = comparison_summary.drop_duplicates("method").set_index("method")
    variant = comparison_curves["method"].map(chosen["variant"])
    curves = comparison_curves[comparison_curves["variant"] == variant]
    profiling = comparison_cells.groupby("method")["profiling_turns"].max()
    reference = [n for n, m in parameters.methods.items() if m.trainer == "e2e"]
    first, *_ = reference or parameters.methods
    turns = reporting.measure_turns(
        curves, {str(k): int(v) for k, v in profiling.items()}, reference=first
    )
    report = reporting.render_comparison(
        comparison_summary,
        comparison_cells,
        turns,
        initial=INITIAL,
        confidence=evaluation.confidence,
    )
    return turns, report, reporting.draw_curves(curves)
