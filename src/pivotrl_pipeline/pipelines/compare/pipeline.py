"""The graph of the comparison: every cell, then all of them side by side."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import CompareParameters, MethodParameters
from pivotrl_pipeline.pipelines.cells import Cell, read_grid
from pivotrl_pipeline.pipelines.compare.held_out_turns import make_holding_pipeline
from pivotrl_pipeline.pipelines.compare.nodes import (
    compare_methods,
    report_comparison,
)
from pivotrl_pipeline.pipelines.compare.profile import make_profile_pipeline
from pivotrl_pipeline.pipelines.compare.template import (
    make_cell_pipeline,
    make_collecting_pipeline,
    make_initial_pipeline,
)

GRID = "compare"


def create_pipeline(grid: CompareParameters | None = None) -> Pipeline:
    """The grid, else what `parameters_compare.yml` lists; outside a project nothing."""
    grid = grid or read_grid(GRID, CompareParameters)
    if grid is None:
        return Pipeline([])
    listed = list_cells(grid)
    trained = [
        make_cell_pipeline(
            GRID, cell, method.trainer, turns=method.turns, judged_on=grid.judged_on
        )
        for method, cell in listed
    ]
    cells = tuple(cell for _, cell in listed)
    closing = make_collecting_pipeline(GRID, cells, "comparison", grid.judged_on)
    return (
        sum(trained, make_initial_pipeline(GRID, grid.judged_on))
        + make_holding_pipeline(GRID, grid.judged_on, grid.left_out_methods)
        + make_profile_pipeline(grid.fresh_seed)
        + closing
        + Pipeline(_make_closing_nodes())
    )


def list_cells(grid: CompareParameters) -> list[tuple[MethodParameters, Cell]]:
    """Methods, variants and seeds, in the order of the YAML file.

    Each training tries as many validation tasks as it goes on as choose its variant.
    """
    tasks = grid.validation_tasks if grid.judged_on == "tasks" else 0
    return [
        (
            method,
            Cell(
                name,
                variant,
                seed,
                needs_profile=method.turns == "pivots",
                settings={
                    "validation_tasks": tasks,
                    **method.settings,
                    **changes,
                    "seed": seed,
                },
            ),
        )
        for name, method in grid.trained_methods.items()
        for variant, changes in enumerate(method.variants)
        for seed in grid.seeds
    ]


def _make_closing_nodes() -> list[Node]:
    return [
        Node(
            func=compare_methods,
            inputs=[
                *("comparison_results", "comparison_cells"),
                *("params:evaluation_summary", "params:compare"),
            ],
            outputs="comparison_summary",
            name="compare_methods",
        ),
        Node(
            func=report_comparison,
            inputs=[
                *("comparison_summary", "comparison_cells", "comparison_curves"),
                *("params:evaluation_summary", "params:compare"),
            ],
            outputs=[
                *("comparison_turns", "comparison_report", "comparison_curves_figure"),
            ],
            name="report_comparison",
        ),
    ]
