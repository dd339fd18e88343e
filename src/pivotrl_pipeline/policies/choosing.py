"""From logits to a token: counter-based uniforms and the inverse of the distribution.

Token number i of a row uses the i-th uniform of the row's own stream, a function of
the row's seed and of i alone: what else is in the batch cannot change it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pivotrl_pipeline.policies.base import SamplingSettings

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def draw_uniforms(seeds: Sequence[int], count: int) -> NDArray[np.float64]:
    """[num_seeds, count] uniforms in [0, 1), with 40 random bits.

    Entry [i, j] depends on ``seeds[i]`` and ``j`` alone. 40 bits leave room for the
    product with a sum of probabilities to stay below that sum.

    Source:
        SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
        generators", figure 17), started from the mixed seed, so that neighbouring
        seeds do not give shifted copies of one stream.
    """
    starts = np.array([seed % 2**64 for seed in seeds], dtype=np.uint64)
    counters = np.arange(1, count + 1, dtype=np.uint64) * _GAMMA
    bits = _mix(_mix(starts ^ _GAMMA)[:, None] + counters)
    return (bits >> np.uint64(24)).astype(np.float64) * 2.0**-40


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


def choose_tokens(
    logits: torch.Tensor, uniforms: torch.Tensor, settings: SamplingSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [rows] and their natural log-probabilities [rows], in float32.

    The token is the first whose cumulative probability, in the order of token ids,
    exceeds the row's uniform. Probabilities are those after temperature and top-p, and
    so are the log-probabilities; at temperature 0 the most likely token has
    probability 1.

    Args:
        logits: [rows, vocabulary].
        uniforms: [rows], float64 in [0, 1).
        settings: Temperature and top-p.
    """
    if settings.temperature == 0:
        tokens = logits.argmax(dim=-1)
        return tokens, torch.zeros(tokens.shape, device=tokens.device)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logprobs = torch.log_softmax(wide / settings.temperature, dim=-1)
    probabilities = logprobs.exp()
    if settings.top_p < 1:
        probabilities = keep_nucleus(probabilities, settings.top_p)
    cumulative = probabilities.double().cumsum(dim=-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(cumulative, uniforms[:, None] * total, right=True)
    # Only a row without any finite probability is past its end; the caller finds it by
    # its log-probability.
    tokens = found.clamp(max=logits.shape[-1] - 1)
    chosen = logprobs.gather(1, tokens)
    if settings.top_p < 1:
        chosen = chosen - total.log()
    return tokens.squeeze(1), chosen.squeeze(1).float()


def keep_nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """The probabilities, 0 outside the smallest set that holds ``top_p``.

    Equal probabilities are taken in the order of their token ids. The most likely
    token always stays.

    Source:
        Holtzman et al. 2020 (arXiv:1904.09751), section 3.1.
    """
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.double().cumsum(dim=-1) - ordered
    kept = torch.where(before < top_p, ordered, 0.0)
    kept[..., 0] = ordered[..., 0]
    return torch.zeros_like(probabilities).scatter(-1, order, kept)
