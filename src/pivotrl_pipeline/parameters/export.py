"""Parameters of the `export` pipeline."""

from pivotrl_pipeline.parameters.base import FrozenParameters


class ExportParameters(FrozenParameters):
    """What the files for other trainers must name."""

    nemo_gym_agent: str
    """Agent of NeMo-Gym's server configuration; stands in each row's ``agent_ref``."""
