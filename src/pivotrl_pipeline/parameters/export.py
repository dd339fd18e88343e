"""Parameters of the `export` pipeline."""

from pydantic import BaseModel, ConfigDict


class ExportParameters(BaseModel):
    """What the files for other trainers must name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nemo_gym_agent: str
    """Agent of NeMo-Gym's server configuration; stands in each row's ``agent_ref``."""
