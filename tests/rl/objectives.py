"""An objective to vary one choice of."""

from typing import Literal

from pivotrl_pipeline.parameters.rl_update import ObjectiveParameters

Aggregation = Literal["sequence_mean", "token_mean", "constant"]
Estimator = Literal["k1", "k2", "k3"]
AGGREGATIONS: tuple[Aggregation, ...] = ("sequence_mean", "token_mean", "constant")


def make_objective(
    *,
    kl_beta: float = 0.0,
    kl_estimator: Estimator = "k3",
    kl_times_ratio: bool = True,
    aggregation: Aggregation = "sequence_mean",
    clip_high: float = 0.2,
    std_scope: Literal["group", "batch", "none"] = "group",
) -> ObjectiveParameters:
    return ObjectiveParameters(
        baseline="group_mean",
        std_scope=std_scope,
        std_ddof=0,
        std_epsilon=1e-6,
        clip_low=0.2,
        clip_high=clip_high,
        kl_beta=kl_beta,
        kl_estimator=kl_estimator,
        kl_times_ratio=kl_times_ratio,
        aggregation=aggregation,
    )
