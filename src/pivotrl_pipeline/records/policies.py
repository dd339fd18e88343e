"""A policy as it passes between nodes: where it lies, never its weights."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyCheckpoint:
    """A policy folder (safetensors, tokenizer, config), or a model of a hub."""

    location: str
    """A folder's path, or the id of a hub."""
    fingerprint: str
    """Equal for equal policies, wherever they lie."""
