"""One cell as nodes: the stage that trains it, and its evaluation."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import Trainer
from pivotrl_pipeline.pipelines.cells import Cell, bind, with_settings
from pivotrl_pipeline.pipelines.compare.nodes import (
    INITIAL,
    collect_cells,
    evaluate_cell,
)
from pivotrl_pipeline.pipelines.e2e.nodes import train_end_to_end
from pivotrl_pipeline.pipelines.rl_update.nodes import update_policy
from pivotrl_pipeline.pipelines.sft.nodes import train_supervised

SHARED_DATASETS = {"trajectories", "pivot_candidates", "pivots", "initial_policy"}
SHARED_PARAMETERS = {
    *("params:policy", "params:variance_computation"),
    "params:rollout_sampling.max_prompt_tokens",
    *("params:sft", "params:rl_update", "params:e2e", "params:ood_evaluation"),
    "params:compare.validation_tasks",
}


def make_cell_pipeline(
    grid: str, cell: Cell, training: Node, *, pivots: str = "pivots"
) -> Pipeline:
    """A cell's training and evaluation, in the namespace ``grid.cell``.

    Args:
        grid: The outer namespace.
        cell: The inner one.
        training: Made by `make_training_node`.
        pivots: The table that stands for `pivots` in this cell.
    """
    inside = Pipeline([training, _make_evaluation_node(cell.name, "policy")])
    free = inside.inputs()
    shared = {name: name for name in SHARED_DATASETS & free}
    if "pivots" in shared:
        shared["pivots"] = pivots
    return Pipeline(
        inside,
        namespace=f"{grid}.{cell.name}",
        inputs=shared,
        parameters=SHARED_PARAMETERS & free,
    )


def make_initial_pipeline(grid: str) -> Pipeline:
    """The initial policy's evaluation, which cells are measured from."""
    inside = Pipeline([_make_evaluation_node(INITIAL, "initial_policy")])
    return Pipeline(
        inside,
        namespace=f"{grid}.{INITIAL}",
        inputs={"initial_policy"},
        parameters=SHARED_PARAMETERS & inside.inputs(),
    )


def make_training_node(
    trainer: Trainer, cell: Cell, *, turns: str | None = None
) -> Node:
    """The trainer's own node with the cell's settings.

    Args:
        trainer: Whose node.
        cell: With what settings.
        turns: The table of turns that are trained on; None for whole episodes.
    """
    inputs = {
        "initial_policy": "initial_policy",
        "trajectories": "trajectories",
        "checkpoints": "checkpoints",
        "policy_parameters": "params:policy",
        "parameters": f"params:{trainer}",
    }
    if turns is not None:
        inputs |= {
            ("sft_turns" if trainer == "sft" else "pivots"): turns,
            "pivot_candidates": "pivot_candidates",
            "max_prompt_tokens": "params:rollout_sampling.max_prompt_tokens",
        }
    if trainer == "rl_update":
        inputs["verifier_parameters"] = "params:variance_computation"
    function = _FUNCTION_BY_TRAINER[trainer]
    return Node(
        func=with_settings(function, cell.settings),
        inputs=inputs,
        outputs=["policy", "metrics"],
        name=function.__name__,
    )


def make_collecting_pipeline(
    grid: str, cells: tuple[Cell, ...], prefix: str
) -> Pipeline:
    """All cells of a grid as the tables ``prefix``_results, _cells and _curves."""
    sources = {"initial_results": f"{grid}.{INITIAL}.evaluation_results"}
    for kind in ("evaluation_results", "metrics"):
        sources |= {
            f"{cell.name}_{kind}": f"{grid}.{cell.name}.{kind}" for cell in cells
        }
    outputs = [f"{prefix}_results", f"{prefix}_cells", f"{prefix}_curves"]
    node = Node(
        func=bind(collect_cells, cells=cells),
        inputs=["rollouts", *sources],
        outputs=outputs,
        name="collect_cells",
    )
    return Pipeline(
        [node],
        namespace=grid,
        inputs={"rollouts": "rollouts", **sources},
        outputs=set(outputs),
    )


_FUNCTION_BY_TRAINER: dict[Trainer, Callable[..., object]] = {
    "sft": train_supervised,
    "rl_update": update_policy,
    "e2e": train_end_to_end,
}


def _make_evaluation_node(name: str, policy: str) -> Node:
    return Node(
        func=bind(evaluate_cell, name=name),
        inputs={
            "policy": policy,
            "policy_parameters": "params:policy",
            "parameters": "params:ood_evaluation",
            "validation_tasks": "params:compare.validation_tasks",
        },
        outputs="evaluation_results",
        name="evaluate_cell",
    )
