"""What the export renders."""

import pandera.pandas as pa

from pivotrl_pipeline.records.tables.base import Table
from pivotrl_pipeline.records.trajectories import Split


class RenderedTurns(Table):
    """One exported turn a row, as text of the policy that was profiled."""

    candidate_id: str = pa.Field(unique=True, description="Key.")
    split: str = pa.Field(
        isin=list(Split), description="Pivots are train; held-out turns validation."
    )
    prompt: str = pa.Field(description="The state, ending with the generation prompt.")
    completion: str = pa.Field(
        description="The demonstrated action, without its stop token."
    )
    state: str = pa.Field(
        str_startswith="{", description="JSON text: what a verifier needs of the state."
    )
    demonstrated_action: str = pa.Field(
        str_startswith="{", description="The assistant message as JSON text."
    )
    profile: str = pa.Field(
        str_startswith="{",
        description="JSON text of the reward statistics; {} for held-out turns.",
    )
