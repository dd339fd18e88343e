"""What is said of the verifiers themselves."""

from typing import ClassVar

import pandera.pandas as pa

from pivotrl_pipeline.records.messages import ActionType
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.tables.base import SLUG, Table

SHARE = {"min_value": 0, "max_value": 1}


class DemonstrationCheck(Table):
    """One turn and verifier a row: those where the demonstration itself fails."""

    candidate_id: str = pa.Field(description="Key into `pivot_candidates`.")
    verifier: str = pa.Field(description="Name of the verifier in the parameters.")
    reward: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range=SHARE,
        description="Of the demonstrated action against itself, below 1; missing "
        "where the verifier could not judge.",
    )
    reason: str = pa.Field(
        isin=list(VerdictReason), description="Why this reward, as a slug."
    )
    detail: str = pa.Field(description="What is wrong, for a person; may be empty.")

    class Config:
        """Each verifier judges a demonstration once."""

        strict = True
        unique: ClassVar[list[str]] = ["candidate_id", "verifier"]


class VerifierProbeReport(Table):
    """One verifier, probe and type of turn a row."""

    verifier: str = pa.Field(description="Name of the verifier in the parameters.")
    probe: str = pa.Field(str_matches=SLUG, description="Which short cut, as a slug.")
    action_type: str = pa.Field(
        isin=list(ActionType), description="Of the demonstrated actions."
    )
    num_turns: int = pa.Field(
        ge=0, description="Held-out turns where the probe was played and judged."
    )
    num_excluded: int = pa.Field(
        ge=0, description="Held-out turns where the verifier could not judge it."
    )
    reward_mean: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range=SHARE,
        description="Of the probe's actions; missing where none was judged.",
    )
    honest_reward_mean: float = pa.Field(
        nullable=True,
        coerce=True,
        in_range=SHARE,
        description="Of the initial policy's rollouts at the same turns.",
    )
    earns_less: bool = pa.Field(
        description="Whether the probe earns less than honest actions, or nothing."
    )

    class Config:
        """Each probe is played once on the turns of one type."""

        strict = True
        unique: ClassVar[list[str]] = ["verifier", "probe", "action_type"]
