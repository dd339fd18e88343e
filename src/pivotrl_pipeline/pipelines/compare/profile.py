"""The profile, and the kept pivots sampled once more.

Pivots are kept because their few samples had a low mean, so the mean of fresh samples
is higher: regression to the mean. How much of the selection is that luck is measured
by stages 2 and 3 as they are, on the pivots alone and with another seed.
"""

import pandas as pd
from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.compare import CompareParameters
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.pipelines.cells import with_settings
from pivotrl_pipeline.pipelines.rollout_sampling.nodes import sample_rollouts
from pivotrl_pipeline.pipelines.variance_computation.nodes import (
    compute_reward_statistics,
    verify_rollouts,
)
from pivotrl_pipeline.reporting import profile as reporting

NAMESPACE = "compare.fresh"


def keep_pivots(all_candidates: pd.DataFrame, pivots: pd.DataFrame) -> pd.DataFrame:
    """The candidates that are pivots."""
    is_kept = all_candidates["candidate_id"].isin(pivots["candidate_id"])
    return all_candidates[is_kept].reset_index(drop=True)


def report_profile(
    reward_statistics: pd.DataFrame,
    pivots: pd.DataFrame,
    fresh_statistics: pd.DataFrame,
    selection: PivotSelectionParameters,
) -> tuple[str, object]:
    """`profile_report` and `profile_figure`."""
    verifier = pivots["verifier"].iloc[0]
    profiled, fresh = (
        table[table["verifier"] == verifier].set_index("candidate_id")
        for table in (reward_statistics, fresh_statistics)
    )
    kept = profiled.loc[list(pivots["candidate_id"])]
    report = reporting.render_regression(
        kept, fresh.loc[kept.index], threshold=selection.low_mean_threshold
    )
    return report, reporting.draw_profile(profiled, kept, fresh)


def make_profile_pipeline(grid: CompareParameters) -> Pipeline:
    """Pivots → fresh statistics of them → how they moved."""
    inside = Pipeline(
        [
            Node(
                func=keep_pivots,
                inputs=["all_candidates", "pivots"],
                outputs="pivot_candidates",
                name="keep_pivots",
            ),
            Node(
                func=with_settings(sample_rollouts, {"seed": grid.fresh_seed}),
                inputs={
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "initial_policy": "initial_policy",
                    "rollout_store": "rollout_store",
                    "policy_parameters": "params:policy",
                    "parameters": "params:rollout_sampling",
                },
                outputs="rollouts",
                name="sample_rollouts",
            ),
            Node(
                func=verify_rollouts,
                inputs={
                    "rollouts": "rollouts",
                    "trajectories": "trajectories",
                    "pivot_candidates": "pivot_candidates",
                    "parameters": "params:variance_computation",
                },
                outputs="verdicts",
                name="verify_rollouts",
            ),
            Node(
                func=compute_reward_statistics,
                inputs="verdicts",
                outputs="reward_statistics",
                name="compute_reward_statistics",
            ),
        ]
    )
    shared = ("pivots", "trajectories", "initial_policy", "rollout_store")
    fresh = Pipeline(
        inside,
        namespace=NAMESPACE,
        inputs={"all_candidates": "pivot_candidates", **{n: n for n in shared}},
        parameters={
            *("params:policy", "params:rollout_sampling"),
            "params:variance_computation",
        },
    )
    report = Node(
        func=report_profile,
        inputs={
            "reward_statistics": "reward_statistics",
            "pivots": "pivots",
            "fresh_statistics": "fresh_statistics",
            "selection": "params:pivot_selection",
        },
        outputs=["profile_report", "profile_figure"],
        name="report_profile",
    )
    sources = ("reward_statistics", "pivots")
    closing = Pipeline(
        [report],
        namespace="compare",
        inputs={
            "fresh_statistics": f"{NAMESPACE}.reward_statistics",
            **{n: n for n in sources},
        },
        outputs={"profile_report", "profile_figure"},
        parameters={"params:pivot_selection"},
    )
    return fresh + closing
