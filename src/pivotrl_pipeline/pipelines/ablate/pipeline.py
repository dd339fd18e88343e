"""The graph of the ablation: a selection for each pair, a training for each seed."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import AblateParameters
from pivotrl_pipeline.pipelines import pivot_selection
from pivotrl_pipeline.pipelines.ablate.nodes import contrast_ablation
from pivotrl_pipeline.pipelines.cells import Cell, bind, read_grid
from pivotrl_pipeline.pipelines.compare.held_out_turns import make_holding_pipeline
from pivotrl_pipeline.pipelines.compare.template import (
    make_cell_pipeline,
    make_collecting_pipeline,
    make_initial_pipeline,
)

GRID = "ablate"


def create_pipeline(grid: AblateParameters | None = None) -> Pipeline:
    """The grid, else what `parameters_compare.yml` lists; outside a project nothing."""
    grid = grid or read_grid(GRID, AblateParameters)
    if grid is None:
        return Pipeline([])
    pairs = [(v, s) for v in grid.verifiers for s in grid.strategies]
    pair_of_cell = [pair for pair in pairs for _ in grid.seeds]
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
            "rl_update",
            turns="pivots",
            judged_on=grid.judged_on,
            pivots=f"{GRID}.{cell.method}.pivots",
            selection={"verifier": verifier, "strategy": strategy},
        )
        for cell, (verifier, strategy) in zip(cells, pair_of_cell, strict=True)
    ]
    selections = [_make_selection_pipeline(*pair) for pair in pairs]
    return (
        sum([*selections, *trained], make_initial_pipeline(GRID, grid.judged_on))
        + make_holding_pipeline(GRID, grid.judged_on)
        + make_collecting_pipeline(GRID, cells, "ablation", grid.judged_on)
        + Pipeline([_make_contrast_node(cells)])
    )


def _make_selection_pipeline(verifier: str, strategy: str) -> Pipeline:
    """Stage 4 with another verifier and strategy."""
    return Pipeline(
        pivot_selection.create_pipeline({"verifier": verifier, "strategy": strategy}),
        namespace=f"{GRID}.{verifier}_{strategy}",
        inputs={"pivot_candidates", "trajectories", "reward_statistics"},
        parameters={"params:pivot_selection"},
    )


def _make_contrast_node(cells: tuple[Cell, ...]) -> Node:
    return Node(
        func=bind(contrast_ablation, cells=cells),
        inputs=["ablation_results", "params:evaluation_summary", "params:ablate"],
        outputs=["ablation_summary", "ablation_report", "ablation_figure"],
        name="contrast_ablation",
    )
