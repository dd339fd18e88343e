"""What training and evaluation report."""

from typing import ClassVar

import pandera.pandas as pa

from pivotrl_pipeline.records.tables.base import Table

SUITES = ["in_domain", "out_of_domain"]


class TrainingMetrics(Table):
    """One update a row."""

    update_index: int = pa.Field(ge=0, unique=True, description="0-based.")
    reward_mean: float = pa.Field(
        alias="reward/mean", description="Over the update's rollouts, in [0, 1]."
    )
    loss: float = pa.Field(
        alias="loss/total", description="Minimised: surrogate plus KL term."
    )
    kl_reference: float = pa.Field(
        alias="kl/reference",
        description="KL of the policy to the reference policy, nats per action token.",
    )
    clip_rate: float = pa.Field(
        alias="clip/rate",
        in_range={"min_value": 0, "max_value": 1},
        description="Share of action tokens whose ratio was clipped.",
    )
    gradient_norm: float = pa.Field(
        alias="gradient/norm", ge=0, description="L2, before clipping."
    )
    informative_rate: float = pa.Field(
        alias="groups/informative_rate",
        in_range={"min_value": 0, "max_value": 1},
        description="Share of groups whose rewards differ.",
    )
    rollout_turns: int = pa.Field(
        ge=0, description="Actions sampled so far, the profiling included."
    )
    tokens_prompt: int = pa.Field(
        alias="tokens/prompt", ge=0, description="Prompt tokens of the update, unique."
    )
    tokens_action: int = pa.Field(
        alias="tokens/action", ge=0, description="Action tokens of the update."
    )
    sampling_seconds: float = pa.Field(ge=0, description="Wall time of sampling.")
    update_seconds: float = pa.Field(ge=0, description="Wall time of the gradient.")


class EvaluationResults(Table):
    """One answered item a row."""

    policy: str = pa.Field(description="`initial`, `trained`, or another run's name.")
    suite: str = pa.Field(isin=SUITES, description="In-domain or out-of-domain.")
    task: str = pa.Field(description="Kind of item within the suite.")
    item_id: str = pa.Field(description="Key of the item within its task.")
    output: str = pa.Field(description="What the policy said.")
    score: float = pa.Field(
        in_range={"min_value": 0, "max_value": 1}, description="In [0, 1]."
    )
    turns: int = pa.Field(ge=0, description="Assistant turns taken.")

    class Config:
        """Each policy answers an item once."""

        strict = True
        unique: ClassVar[list[str]] = ["policy", "suite", "task", "item_id"]


class EvaluationSummary(Table):
    """One policy, suite and task a row; the task `mean` is the whole suite."""

    policy: str = pa.Field(description="`initial`, `trained`, or another run's name.")
    suite: str = pa.Field(isin=SUITES, description="In-domain or out-of-domain.")
    task: str = pa.Field(description="Kind of item within the suite, or `mean`.")
    num_items: int = pa.Field(ge=1, description="Items that the mean is over.")
    mean: float = pa.Field(
        in_range={"min_value": 0, "max_value": 1}, description="Mean score."
    )
    change: float = pa.Field(
        nullable=True, coerce=True, description="Mean score minus the initial policy's."
    )
    change_low: float = pa.Field(
        nullable=True,
        coerce=True,
        description="Lower end of the paired bootstrap interval.",
    )
    change_high: float = pa.Field(
        nullable=True, coerce=True, description="Its upper end."
    )
