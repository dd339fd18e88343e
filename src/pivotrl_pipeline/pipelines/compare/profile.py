"""The profile, and the kept pivots sampled once more.

Pivots are kept because their few samples had a low mean, so the mean of fresh samples
is higher: regression to the mean. How much of the selection is that luck is measured
by stages 2 and 3 as they are, on the pivots alone and with another seed.
"""

import pandas as pd
from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.pipelines import rollout_sampling, variance_computation
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


def make_profile_pipeline(fresh_seed: int) -> Pipeline:
    """Pivots → fresh statistics of them → how they moved."""
    keeping = Node(
        func=keep_pivots,
        inputs=["all_candidates", "pivots"],
        outputs="pivot_candidates",
        name="keep_pivots",
    )
    stages = (
        Pipeline([keeping])
        + rollout_sampling.create_pipeline({"seed": fresh_seed})
        + variance_computation.create_pipeline()
    )
    shared = ("pivots", "trajectories", "initial_policy", "rollout_store")
    fresh = Pipeline(
        stages,
        namespace=NAMESPACE,
        inputs={"all_candidates": "pivot_candidates", **{n: n for n in shared}},
        parameters={n for n in stages.inputs() if n.startswith("params:")},
    )
    reporting_node = Node(
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
    return fresh + Pipeline(
        [reporting_node],
        namespace="compare",
        inputs={
            "fresh_statistics": f"{NAMESPACE}.reward_statistics",
            "reward_statistics": "reward_statistics",
            "pivots": "pivots",
        },
        outputs={"profile_report", "profile_figure"},
        parameters={"params:pivot_selection"},
    )
