"""A policy as it passes between nodes: where it lies, never its weights."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PolicyCheckpoint:
    """A policy folder (safetensors, tokenizer, config) or a hub id."""

    location: str
    """A path, or the id of a model hub."""

    @property
    def path(self) -> Path:
        """The location as a path."""
        return Path(self.location)
