"""Parameters of the pipeline that writes the order desk's trajectories."""

from pydantic import Field, NonNegativeInt

from pivotrl_pipeline.parameters.base import FrozenParameters


class DemonstrationsParameters(FrozenParameters):
    """How many tasks the expert does."""

    num_tasks_by_tier: dict[str, NonNegativeInt] = Field(min_length=1)
    """Of each tier of the desk: ``short`` takes 2 to 6 turns, ``long`` 8 to 16."""
