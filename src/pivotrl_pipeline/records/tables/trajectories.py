"""What ingestion writes."""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from pivotrl_pipeline.records.messages import ActionType
from pivotrl_pipeline.records.tables.base import SLUG, Table
from pivotrl_pipeline.records.trajectories import Split


class Trajectories(Table):
    """One recorded agent run a row."""

    trajectory_id: str = pa.Field(unique=True, description="Key.")
    task_id: str = pa.Field(
        description="The unit of the split: runs of one task are never on both sides."
    )
    domain: str = pa.Field(description="Family of tasks, free text.")
    split: str = pa.Field(
        isin=list(Split), description="Side of the split the task is on."
    )
    messages: str = pa.Field(
        str_startswith="[",
        description="OpenAI chat messages as JSON text; argument text as recorded.",
    )
    tools: str = pa.Field(
        str_startswith="[", description="OpenAI tool entries as JSON text."
    )
    success: pd.BooleanDtype = pa.Field(
        nullable=True,
        coerce=True,
        description="Whether the run solved its task; missing where unrecorded.",
    )
    metadata: str = pa.Field(
        str_startswith="{", description="JSON text of an object; never rendered."
    )


class RejectedTrajectories(Table):
    """One refused input row a row."""

    source_row: int = pa.Field(
        ge=1,
        description="1-based position of the row in the input, as its line number.",
    )
    reason: str = pa.Field(str_matches=SLUG, description="Why, as a slug.")
    detail: str = pa.Field(
        description="Where, what was found, what was expected, what to do."
    )


class Duplicates(Table):
    """One trajectory or state a row: those that come more than once.

    A row whose id is taken is not here but among the rejected.
    """

    kind: str = pa.Field(isin=["trajectory", "state"], description="What is repeated.")
    first_id: str = pa.Field(
        description="Key into `trajectories` or `pivot_candidates`: where it comes "
        "first."
    )
    other_id: str = pa.Field(
        description="Where it comes again; of a state with several demonstrated "
        "actions, the first turn whose action differs."
    )
    occurrences: int = pa.Field(ge=2, description="How often it comes.")
    demonstrated_actions: pd.Int64Dtype = pa.Field(
        nullable=True,
        coerce=True,
        ge=1,
        description="Different actions demonstrated at the state; missing for a "
        "trajectory.",
    )

    class Config:
        """Each is listed once."""

        strict = True
        unique: ClassVar[list[str]] = ["kind", "first_id"]


class PivotCandidates(Table):
    """One assistant turn a row; its state is not copied but named."""

    candidate_id: str = pa.Field(
        unique=True, description="Key: trajectory_id#turn_index."
    )
    trajectory_id: str = pa.Field(description="Key into `trajectories`.")
    turn_index: int = pa.Field(ge=0, description="0-based, counts assistant turns.")
    message_index: int = pa.Field(
        ge=0,
        description="0-based, counts messages; the state is everything before it.",
    )
    demonstrated_action: str = pa.Field(
        str_startswith="{", description="The assistant message as JSON text."
    )
    action_type: str = pa.Field(
        isin=list(ActionType), description="Decides which verifier judges the turn."
    )
    prompt_tokens: pd.Int64Dtype = pa.Field(
        nullable=True,
        coerce=True,
        gt=0,
        description="Tokens of the rendered state under the initial policy; missing "
        "where no tokenizer was at hand.",
    )
