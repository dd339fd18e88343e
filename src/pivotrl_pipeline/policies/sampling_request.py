"""What a sampler is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.prefix_tree import Tokens


@dataclass(frozen=True, slots=True)
class Request:
    """The rows of one call."""

    prompts: Sequence[Tokens]
    """Distinct."""
    prompt_of_row: Sequence[int]
    seeds: Sequence[int]
    """One per row."""
    settings: SamplingSettings
    stop_ids: torch.Tensor
    max_tokens: int
    """Keys and values held at once: trunks, and ``max_new_tokens`` for each row."""
