"""The graph of the ablation: a selection for each pair, a training for each seed."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import AblateParameters
from pivotrl_pipeline.pipelines.ablate.nodes import contrast_ablation
from pivotrl_pipeline.pipelines.cells import Cell, bind, read_grid, with_settings
from pivotrl_pipeline.pipelines.compare.template import (
    make_cell_pipeline,
    make_collecting_pipeline,
    make_initial_pipeline,
    make_training_node,
)
from pivotrl_pipeline.pipelines.pivot_selection.nodes import select_pivots

GRID = "ablate"


def create_pipeline(grid: AblateParameters | None = None) -> Pipeline:
    """The grid, else what `parameters_compare.yml` lists; outside a project nothing."""
    grid = grid or read_grid(GRID, AblateParameters)
    if grid is None:
        return Pipeline([])
    pairs = [(v, s) for v in grid.verifiers for s in grid.strategies]
    cells = tuple(
        Cell(
            f"{verifier}_{strategy}",
            0,
            seed,
            needs_profile=True,
            settings={**grid.settings, "seed": seed},
        )
        for verifier, strategy in pairs
        for seed in grid.seeds
    )
    trained = [
        make_cell_pipeline(
            GRID,
            cell,
            make_training_node("rl_update", cell, turns="pivots"),
            pivots=f"{GRID}.{cell.method}.pivots",
        )
        for cell in cells
    ]
    selections = [_make_selection_pipeline(*pair) for pair in pairs]
    return (
        sum([*selections, *trained], make_initial_pipeline(GRID))
        + make_collecting_pipeline(GRID, cells, "ablation")
        + Pipeline([_make_contrast_node(cells)])
    )


def _make_selection_pipeline(verifier: str, strategy: str) -> Pipeline:
    """Stage 4 with another verifier and strategy."""
    shared = {"pivot_candidates", "trajectories", "reward_statistics"}
    return Pipeline(
        [
            Node(
                func=with_settings(
                    select_pivots, {"verifier": verifier, "strategy": strategy}
                ),
                inputs={
                    **{name: name for name in shared},
                    "parameters": "params:pivot_selection",
                },
                outputs=["pivots", "selection_report"],
                name="select_pivots",
            )
        ],
        namespace=f"{GRID}.{verifier}_{strategy}",
        inputs=shared,
        parameters={"params:pivot_selection"},
    )


def _make_contrast_node(cells: tuple[Cell, ...]) -> Node:
    return Node(
        func=bind(contrast_ablation, cells=cells),
        inputs=["ablation_results", "params:ood_evaluation", "params:ablate"],
        outputs=["ablation_summary", "ablation_report", "ablation_figure"],
        name="contrast_ablation",
    )
