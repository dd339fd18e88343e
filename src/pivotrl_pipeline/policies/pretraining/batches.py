"""Batches of documents, forwarded in parts of like length.

Batches of like documents make a new skill form sooner; batches that mix all kinds
undo nothing that was learnt before, as Muon steps equally far whatever the gradient's
size. A causal model never sees what is right of a token, so right padding needs no
attention mask and no document sees another; parts of like length keep it small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pivotrl_pipeline.policies.pretraining.corpus import Document

if TYPE_CHECKING:
    import torch

LENGTH_MULTIPLE = 32
_PART_TOKENS = 4096
"""Through the model at once, padding included, unless one document is longer."""


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
    is_mixed: bool,
    rng: np.random.Generator,
) -> list[list[int]]:
    """Document indices of each batch, in random order; every document is in one.

    A batch ends with the document that brings it to ``batch_tokens`` tokens, padding
    not counted.

    Args:
        lengths: Of the documents, in tokens.
        batch_tokens: Of a batch.
        is_mixed: Whether a batch holds documents of any lengths, or of like ones.
        rng: Decides the order.
    """
    order = rng.permutation(len(lengths)).tolist()
    if not is_mixed:
        order.sort(key=lengths.__getitem__, reverse=True)
    batches: list[list[int]] = [[]]
    num_tokens = 0
    for index in order:
        if num_tokens >= batch_tokens:
            batches.append([])
            num_tokens = 0
        batches[-1].append(index)
        num_tokens += lengths[index]
    return [batches[position] for position in rng.permutation(len(batches))]


def split_by_length(documents: Sequence[Document]) -> list[list[Document]]:
    """Parts that are forwarded together: the longest first, little padding in each."""
    parts: list[list[Document]] = []
    for document in sorted(documents, key=lambda d: len(d.token_ids), reverse=True):
        part = parts[-1] if parts else []
        width = _padded_length(len(part[0].token_ids)) if part else 0
        is_full = (len(part) + 1) * width > _PART_TOKENS
        if not part or is_full or 2 * _padded_length(len(document.token_ids)) <= width:
            parts.append([document])
        else:
            part.append(document)
    return parts


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
