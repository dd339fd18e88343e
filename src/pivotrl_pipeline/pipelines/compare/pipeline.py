"""The graph of the comparison: every cell, then all of them side by side."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import CompareParameters, MethodParameters
from pivotrl_pipeline.pipelines.cells import Cell, read_grid
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
        make_cell_pipeline(GRID, cell, method.trainer, turns=method.turns)
        for method, cell in listed
    ]
    cells = tuple(cell for _, cell in listed)
    closing = make_collecting_pipeline(GRID, cells, "comparison")
    return (
        sum(trained, make_initial_pipeline(GRID))
        + make_profile_pipeline(grid.fresh_seed)
        + closing
        + Pipeline(_make_closing_nodes())
    )


def list_cells(grid: CompareParameters) -> list[tuple[MethodParameters, Cell]]:
    """Methods, variants and seeds, in the order of the YAML file."""
    return [
        (
            method,
            Cell(
                name,
                variant,
                seed,
                needs_profile=method.turns == "pivots",
                settings={**method.settings, **changes, "seed": seed},
            ),
        )
        for name, method in grid.methods.items()
        for variant, changes in enumerate(method.variants)
        for seed in grid.seeds
    ]


def _make_closing_nodes() -> list[Node]:
    return [
        Node(
            func=compare_methods,
            inputs=[
                *("comparison_results", "comparison_cells"),
                *("params:ood_evaluation", "params:compare"),
            ],
            outputs="comparison_summary",
            name="compare_methods",
        ),
        Node(
            func=report_comparison,
            inputs=[
                *("comparison_summary", "comparison_cells", "comparison_curves"),
                *("params:ood_evaluation", "params:compare"),
            ],
            outputs=[
                *("comparison_turns", "comparison_report", "comparison_curves_figure"),
            ],
            name="report_comparison",
        ),
    ]
