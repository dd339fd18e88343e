"""Batches of documents of like length, padded on the right.

A causal model never sees what is right of a token, so right padding needs no attention
mask and no document sees another. Sorting by length keeps the padding small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pivotrl_pipeline.policies.pretraining.corpus import Document

if TYPE_CHECKING:
    import torch

LENGTH_MULTIPLE = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents as rows."""

    token_ids: "torch.Tensor"
    """int64, shape [document, token], padded on the right."""
    weights: "torch.Tensor"
    """float32, shape [document, token]; how much each token counts as a target."""


def plan_batches(
    lengths: Sequence[int],
    *,
    batch_tokens: int,
    batch_documents: int,
    rng: np.random.Generator,
) -> list[list[int]]:
    """Document indices of each batch; every document is in exactly one.

    A batch, padding included, has at most ``batch_tokens`` tokens unless a single
    document is longer, and at most ``batch_documents`` documents, so that short ones
    get their share of updates. Documents of equal length are mixed and batches are
    shuffled.
    """
    shuffled = rng.permutation(len(lengths)).tolist()
    order = sorted(shuffled, key=lengths.__getitem__, reverse=True)
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        width = _padded_length(lengths[order[start]])
        num_rows = min(max(batch_tokens // width, 1), batch_documents)
        batches.append(order[start : start + num_rows])
        start += num_rows
    return [batches[position] for position in rng.permutation(len(batches))]


def make_batch(
    documents: Sequence[Document], *, padding: int, other_weight: float
) -> Batch:
    """Rows of token ids with target weights.

    Args:
        documents: One a row.
        padding: Token id to the right of a shorter document; weighs nothing.
        other_weight: Weight of tokens that the assistant does not write; its own
            weigh 1.
    """
    import torch

    longest = max(len(document.token_ids) for document in documents)
    shape = (len(documents), _padded_length(longest) + 1)
    token_ids = np.full(shape, padding, dtype=np.int64)
    weights = np.zeros(shape, dtype=np.float32)
    for row, document in enumerate(documents):
        length = len(document.token_ids)
        token_ids[row, :length] = document.token_ids
        weights[row, :length] = np.where(document.is_action, 1.0, other_weight)
    return Batch(torch.from_numpy(token_ids), torch.from_numpy(weights))


def _padded_length(length: int) -> int:
    """Inputs of a document (all tokens but the last), rounded up.

    Few different shapes: matrix kernels are compiled for each.
    """
    return -(-(length - 1) // LENGTH_MULTIPLE) * LENGTH_MULTIPLE
