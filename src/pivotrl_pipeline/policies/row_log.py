"""What has been sampled: token ids, log-probabilities and lengths, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.choosing import choose_tokens, draw_uniforms


@dataclass(frozen=True, slots=True)
class RowResult:
    """What was sampled for one row."""

    token_ids: list[int]
    logprobs: list[float]


class RowLog:
    """What has been sampled, by row and step; the last row is for discarded tokens."""

    def __init__(
        self, seeds: Sequence[int], settings: SamplingSettings, device: torch.device
    ) -> None:
        limit = settings.max_new_tokens
        self.num_rows = len(seeds)
        uniforms = draw_uniforms([*seeds, 0], limit)
        self._uniforms = torch.from_numpy(uniforms).to(device)
        self._tokens = torch.zeros(self.num_rows + 1, limit, dtype=torch.long)
        self._tokens = self._tokens.to(device)
        self._logprobs = torch.zeros(self.num_rows + 1, limit, device=device)
        self._lengths = torch.zeros(self.num_rows + 1, dtype=torch.long, device=device)
        self._settings = settings

    def choose(
        self, logits: torch.Tensor, rows: torch.Tensor, steps: torch.Tensor
    ) -> torch.Tensor:
        """Samples and records token number ``steps`` of each row."""
        uniforms = self._uniforms[rows, steps]
        tokens, logprobs = choose_tokens(logits, uniforms, self._settings)
        self._tokens[rows, steps] = tokens
        self._logprobs[rows, steps] = logprobs
        self._lengths[rows] = steps + 1
        return tokens

    def read(self) -> list[RowResult]:
        """All rows.

        Raises:
            PolicyError: If a log-probability is not a number.
        """
        if not bool(torch.isfinite(self._logprobs[:-1]).all()):
            raise PolicyError(
                "the model's logits are not finite, so no token can be drawn from "
                "them; load the policy in float32 or bfloat16, or check its weights."
            )
        lengths = self._lengths.tolist()
        return [
            RowResult(tokens[:length], logprobs[:length])
            for tokens, logprobs, length in zip(
                self._tokens[:-1].tolist(),
                self._logprobs[:-1].tolist(),
                lengths[:-1],
                strict=True,
            )
        ]
