"""One cell as nodes: the pipeline that trains it, and its evaluation.

Both stand in the cell's namespace. Whatever else they read, tables and parameters
alike, lies outside and is shared by all cells.
"""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import JudgedOn, Settings, Trainer
from pivotrl_pipeline.pipelines import e2e, rl_update, sft
from pivotrl_pipeline.pipelines.cells import Cell, bind
from pivotrl_pipeline.pipelines.compare.held_out_turns import (
    SEEN,
    make_turn_evaluation_node,
    name_tables,
)
from pivotrl_pipeline.pipelines.compare.nodes import collect_cells, evaluate_cell
from pivotrl_pipeline.pipelines.ood_evaluation.nodes import INITIAL

OWN_NAMES: dict[Trainer, dict[str, str]] = {
    "sft": {
        "sft_checkpoints": "checkpoints",
        "sft_policy": "policy",
        "sft_metrics": "metrics",
    },
    "rl_update": {
        "update_checkpoints": "checkpoints",
        "trained_policy": "policy",
        "training_metrics": "metrics",
    },
    "e2e": {
        "e2e_checkpoints": "checkpoints",
        "e2e_policy": "policy",
        "e2e_metrics": "metrics",
    },
}
"""What is a cell's own, by the trainer's name for it."""


def make_cell_pipeline(
    grid: str,
    cell: Cell,
    trainer: Trainer,
    *,
    turns: str | None,
    judged_on: JudgedOn,
    pivots: str = "pivots",
    selection: Settings | None = None,
) -> Pipeline:
    """A cell's training and evaluation, in the namespace ``grid.cell``.

    Args:
        grid: The outer namespace.
        cell: The inner one, and the settings.
        trainer: The pipeline that trains.
        turns: The table of turns that are trained on; None for whole episodes.
        judged_on: What the cell is evaluated on.
        pivots: The table that stands for `pivots` in this cell.
        selection: How the rule differs that it was selected by.
    """
    training = _make_training_pipeline(trainer, cell, turns, selection)
    namespace = f"{grid}.{cell.name}"
    own = {theirs: f"{namespace}.{ours}" for theirs, ours in OWN_NAMES[trainer].items()}
    read = training.inputs()
    shared = {n: n for n in read if n not in own and not n.startswith("params:")}
    if "pivots" in shared:
        shared["pivots"] = pivots
    if "pivot_candidates" in shared and judged_on == "turns":
        shared["pivot_candidates"] = name_tables(grid)[SEEN]
    return Pipeline(
        training,
        namespace=namespace,
        inputs=shared | {n: own[n] for n in read & own.keys()},
        outputs={n: own[n] for n in training.outputs()},
        parameters={n for n in read if n.startswith("params:")},
    ) + _make_evaluation_pipeline(grid, cell.name, f"{namespace}.policy", judged_on)


def make_initial_pipeline(grid: str, judged_on: JudgedOn) -> Pipeline:
    """The initial policy's evaluation, which cells are measured from."""
    return _make_evaluation_pipeline(grid, INITIAL, "initial_policy", judged_on)


def make_collecting_pipeline(
    grid: str, cells: tuple[Cell, ...], prefix: str, judged_on: JudgedOn
) -> Pipeline:
    """All cells of a grid as the tables ``prefix``_results, _cells and _curves."""
    sources = {"initial_results": f"{grid}.{INITIAL}.evaluation_results"}
    for kind in ("evaluation_results", "metrics"):
        sources |= {
            f"{cell.name}_{kind}": f"{grid}.{cell.name}.{kind}" for cell in cells
        }
    outputs = [f"{prefix}_results", f"{prefix}_cells", f"{prefix}_curves"]
    node = Node(
        func=bind(collect_cells, cells=cells, judged_on=judged_on),
        inputs=["sampling_cost", *sources],
        outputs=outputs,
        name="collect_cells",
    )
    return Pipeline(
        [node],
        namespace=grid,
        inputs={"sampling_cost": "sampling_cost", **sources},
        outputs=set(outputs),
    )


def _make_training_pipeline(
    trainer: Trainer, cell: Cell, turns: str | None, selection: Settings | None
) -> Pipeline:
    if trainer == "sft":
        return sft.create_pipeline(turns or "pivot_candidates", cell.settings)
    if trainer == "rl_update":
        return rl_update.create_pipeline(cell.settings, selection)
    return e2e.create_pipeline(cell.settings)


def _make_evaluation_pipeline(
    grid: str, name: str, policy: str, judged_on: JudgedOn
) -> Pipeline:
    if judged_on == "turns":
        node = make_turn_evaluation_node(name)
        own = {"reward_statistics": "reward_statistics", **name_tables(grid)}
    else:
        node, own = _make_task_evaluation_node(name), {}
    return Pipeline(
        [node],
        namespace=f"{grid}.{name}",
        inputs={"policy": policy, "trajectories": "trajectories", **own},
        parameters={n for n in node.inputs if n.startswith("params:")},
    )


def _make_task_evaluation_node(name: str) -> Node:
    return Node(
        func=bind(evaluate_cell, name=name),
        inputs={
            "policy": "policy",
            "trajectories": "trajectories",
            "policy_parameters": "params:policy",
            "parameters": "params:ood_evaluation",
            "validation_tasks": "params:compare.validation_tasks",
        },
        outputs="evaluation_results",
        name="evaluate_cell",
    )
