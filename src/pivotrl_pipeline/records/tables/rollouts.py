"""Sampled actions, the verdicts on them, and what is selected by these."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from pivotrl_pipeline.records.rollouts import FinishReason, VerdictReason
from pivotrl_pipeline.records.tables.base import SLUG, Table


class Rollouts(Table):
    """One sampled action a row."""

    candidate_id: str = pa.Field(description="Key into `pivot_candidates`.")
    sample_index: int = pa.Field(ge=0, description="0-based, within the group.")
    token_ids: object = pa.Field(
        description="int32 array: tokens as sampled, the stop token included."
    )
    logprobs: object = pa.Field(
        description="float32 array: natural log, one per token, under the "
        "distribution sampled from."
    )
    text: str = pa.Field(description="Decoded, without the final stop token.")
    finish_reason: str = pa.Field(
        isin=list(FinishReason), description="Why sampling ended."
    )
    error: str = pa.Field(
        nullable=True,
        coerce=True,
        description="Why nothing was sampled; missing where something was.",
    )

    @pa.parser("token_ids")
    @classmethod
    def _parse_token_ids(cls, column: pd.Series) -> pd.Series:
        return column.map(_to_int32)

    @pa.parser("logprobs")
    @classmethod
    def _parse_logprobs(cls, column: pd.Series) -> pd.Series:
        return column.map(_to_float32)

    @pa.check("token_ids", name="int32 array")
    @classmethod
    def _has_int32(cls, column: pd.Series) -> pd.Series:
        return column.map(lambda value: _is_array_of(value, np.int32)).astype(bool)

    @pa.check("logprobs", name="float32 array")
    @classmethod
    def _has_float32(cls, column: pd.Series) -> pd.Series:
        return column.map(lambda value: _is_array_of(value, np.float32)).astype(bool)

    @pa.dataframe_check(name="one log-probability per token")
    @classmethod
    def _has_equal_lengths(cls, frame: pd.DataFrame) -> pd.Series:
        lengths = frame[["token_ids", "logprobs"]].map(np.size)
        return lengths["token_ids"] == lengths["logprobs"]

    class Config:
        """A sample is named by its candidate and its index."""

        strict = True
        unique: ClassVar[list[str]] = ["candidate_id", "sample_index"]


class SamplingCost(Table):
    """One row: what the table `rollouts` cost."""

    num_samples: int = pa.Field(ge=0, description="Actions that were sampled.")
    seconds: float = pa.Field(
        ge=0, description="Wall time of sampling them, whenever that was."
    )


class Verdicts(Table):
    """One judgement of one sampled action a row."""

    candidate_id: str = pa.Field(description="Key into `pivot_candidates`.")
    sample_index: int = pa.Field(ge=0, description="0-based, within the group.")
    verifier: str = pa.Field(description="Name of the verifier in the parameters.")
    reward: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range={"min_value": 0, "max_value": 1},
        description="In [0, 1]; missing excludes the sample from the statistics.",
    )
    reason: str = pa.Field(
        isin=list(VerdictReason), description="Why this reward, as a slug."
    )
    detail: str = pa.Field(description="What differed, for a person; may be empty.")

    class Config:
        """Each verifier judges a sample once."""

        strict = True
        unique: ClassVar[list[str]] = ["candidate_id", "sample_index", "verifier"]


class RewardStatistics(Table):
    """One candidate and verifier a row."""

    candidate_id: str = pa.Field(description="Key into `pivot_candidates`.")
    verifier: str = pa.Field(description="Name of the verifier in the parameters.")
    num_rollouts: int = pa.Field(ge=0, description="Judged samples of the group.")
    reward_mean: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range={"min_value": 0, "max_value": 1},
        description="Mean reward of the judged samples; missing where there is none.",
    )
    reward_variance: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range={"min_value": 0, "max_value": 0.25},
        description="Population variance (divided by num_rollouts), squared reward.",
    )
    num_excluded: int = pa.Field(
        ge=0, description="Samples that failed or could not be judged."
    )

    class Config:
        """One group per candidate and verifier."""

        strict = True
        unique: ClassVar[list[str]] = ["candidate_id", "verifier"]


class SelectionReport(Table):
    """One candidate a row, kept or not."""

    candidate_id: str = pa.Field(unique=True, description="Key.")
    verifier: str = pa.Field(description="Whose statistics decided.")
    is_pivot: bool = pa.Field(description="Whether the candidate was kept.")
    reason: str = pa.Field(str_matches=SLUG, description="Why, as a slug.")
    reward_mean: float = pa.Field(
        nullable=True, coerce=True, description="Of the deciding verifier, in [0, 1]."
    )
    reward_variance: float = pa.Field(
        nullable=True, coerce=True, description="Population variance, squared reward."
    )


class Pivots(Table):
    """One kept candidate a row."""

    candidate_id: str = pa.Field(unique=True, description="Key.")
    trajectory_id: str = pa.Field(description="Key into `trajectories`.")
    turn_index: int = pa.Field(ge=0, description="0-based, counts assistant turns.")
    message_index: int = pa.Field(ge=0, description="0-based, counts messages.")
    verifier: str = pa.Field(
        description="Whose statistics decided, and whose rewards are maximised."
    )
    num_rollouts: int = pa.Field(ge=0, description="Judged samples of the group.")
    reward_mean: float = pa.Field(
        nullable=True, coerce=True, description="Of the deciding verifier, in [0, 1]."
    )
    reward_variance: float = pa.Field(
        nullable=True, coerce=True, description="Population variance, squared reward."
    )
    num_excluded: int = pa.Field(
        ge=0, description="Samples that failed or could not be judged."
    )
    weight: float = pa.Field(
        gt=0, description="How often the pivot is drawn, relative to the others."
    )


def _to_int32(value: object) -> object:
    """As an int32 array; unchanged where that would alter a number."""
    return _to_array(value, np.int32, kinds="iu")


def _to_float32(value: object) -> object:
    return _to_array(value, np.float32, kinds="f")


def _to_array(value: object, dtype: type[np.generic], *, kinds: str) -> object:
    if isinstance(value, np.ndarray) and value.dtype == dtype:
        return value
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in kinds):
        return value
    return array.astype(dtype)


def _is_array_of(value: object, dtype: type[np.generic]) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == dtype
