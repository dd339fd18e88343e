"""The pipelines by name."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """Each stage under its own name; ``pivot`` is all six, and the default."""
    return find_pipelines(raise_errors=True)
