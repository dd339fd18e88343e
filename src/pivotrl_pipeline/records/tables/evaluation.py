"""What training and evaluation report."""

from typing import ClassVar

import pandera.pandas as pa

from pivotrl_pipeline.records.tables.base import Table

SUITES = ["in_domain", "out_of_domain", "validation"]


SHARE = {"min_value": 0, "max_value": 1}


class TrainingMetrics(Table):
    """One update a row; null where nothing could be measured."""

    update_index: int = pa.Field(ge=0, unique=True, description="0-based.")
    is_skipped: bool = pa.Field(
        description="No group was informative: nothing was changed."
    )
    reward_mean: float = pa.Field(
        alias="reward/mean",
        in_range=SHARE,
        nullable=True,
        coerce=True,
        description="Over the update's judged rollouts, or its whole episodes, in "
        "[0, 1].",
    )
    reward_std: float = pa.Field(
        alias="reward/std",
        nullable=True,
        coerce=True,
        description="Population standard deviation of the same.",
    )
    heldout_reward_mean: float = pa.Field(
        alias="heldout/reward_mean",
        in_range=SHARE,
        nullable=True,
        coerce=True,
        description="Greedy, on held-out turns of all kinds, after the update.",
    )
    heldout_reward_mean_before: float = pa.Field(
        alias="heldout/reward_mean_before",
        in_range=SHARE,
        nullable=True,
        coerce=True,
        description="The same before the first update; null in the other rows.",
    )
    validation_success: float = pa.Field(
        alias="validation/success",
        in_range=SHARE,
        nullable=True,
        coerce=True,
        description="Share of validation tasks solved greedily, after the update.",
    )
    validation_success_before: float = pa.Field(
        alias="validation/success_before",
        in_range=SHARE,
        nullable=True,
        coerce=True,
        description="The same before the first update; null in the other rows.",
    )
    informative_rate: float = pa.Field(
        alias="groups/informative_rate",
        in_range=SHARE,
        description="Share of groups with two different rewards.",
    )
    num_excluded: int = pa.Field(
        alias="rollouts/excluded",
        ge=0,
        description="Rollouts without a reward: in no statistic.",
    )
    kl_policy_reference: float = pa.Field(
        alias="kl/policy_reference_k3",
        nullable=True,
        coerce=True,
        description="KL(policy || reference policy), estimator k3, nats per action "
        "token; null without a reference policy.",
    )
    clip_rate: float = pa.Field(
        alias="clip/rate",
        in_range=SHARE,
        description="Share of action tokens without gradient: ratio clipped.",
    )
    gradient_norm: float = pa.Field(
        alias="gradient/norm", ge=0, description="L2, before it is scaled down."
    )
    logprob_mismatch: float = pa.Field(
        alias="logprobs/mismatch",
        nullable=True,
        coerce=True,
        description="Mean distance of the sampler's log-probabilities from those "
        "learnt from, nats.",
    )
    entropy: float = pa.Field(
        alias="entropy/mean",
        nullable=True,
        coerce=True,
        description="Minus the mean log-probability of the sampled tokens, nats.",
    )
    mean_tokens: float = pa.Field(
        alias="action/mean_tokens", ge=0, description="Tokens per action."
    )
    truncated_rate: float = pa.Field(
        alias="action/truncated_rate",
        in_range=SHARE,
        description="Actions that the token limit cut off.",
    )
    parse_failure_rate: float = pa.Field(
        alias="action/parse_failure_rate",
        in_range=SHARE,
        description="Actions whose text is no action.",
    )
    calls_mean: float = pa.Field(
        alias="action/calls_mean", ge=0, description="Tool calls per action."
    )
    message_rate: float = pa.Field(
        alias="action/message_rate",
        in_range=SHARE,
        description="Actions without a tool call.",
    )
    mean_turns: float = pa.Field(
        alias="episode/mean_turns",
        ge=0,
        nullable=True,
        coerce=True,
        description="Actions per episode; null where single actions were sampled.",
    )
    rollout_turns: int = pa.Field(
        ge=0, description="Actions sampled by updates so far; profiling not included."
    )
    profiling_turns: int = pa.Field(
        ge=0,
        description="Actions sampled so far to select pivots again while training.",
    )
    tokens_forwarded: int = pa.Field(
        alias="tokens/forwarded",
        ge=0,
        description="Tokens through the policy when updating, over all epochs.",
    )
    tokens_unique: int = pa.Field(
        alias="tokens/unique",
        ge=0,
        description="Different tokens among them: shared beginnings counted once.",
    )
    sampling_seconds: float = pa.Field(
        alias="seconds/sampling", ge=0, description="Wall time of sampling and judging."
    )
    updating_seconds: float = pa.Field(
        alias="seconds/updating", ge=0, description="Wall time of the gradient."
    )


class EvaluationResults(Table):
    """One answered item a row."""

    policy: str = pa.Field(description="`initial`, `trained`, or another run's name.")
    suite: str = pa.Field(isin=SUITES, description="Which family of tasks.")
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
    suite: str = pa.Field(isin=SUITES, description="Which family of tasks.")
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
