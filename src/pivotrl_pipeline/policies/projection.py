"""From a model's last layer to log-probabilities, a bounded number of logits at a time.

With a vocabulary of 150,000 the logits of a few thousand action tokens outweigh the
model. Where there would be more than `_MAX_LOGITS`, the last layer is projected in
chunks, and each chunk is projected again in the backward pass instead of being kept.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.sharing import find_base_model, in_evaluation

_logger = logging.getLogger(__name__)

_MAX_LOGITS = 1 << 25
"""Held at once: 128 MiB in float32."""

Head = Callable[[torch.Tensor], torch.Tensor]
"""Logits [rows, vocabulary] of the last layer's output [rows, hidden]."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Tokens of which log-probabilities are asked."""

    kept: torch.Tensor
    """[places], where in each sequence something is predicted that is asked for."""
    rows: torch.Tensor
    """[tokens], places counted through all sequences, one after the other."""
    tokens: torch.Tensor
    """[tokens], their ids."""


def compute_chosen_logprobs(
    model: PreTrainedModel,
    inputs: Mapping[str, object],
    chosen: Chosen,
    *,
    temperature: float,
) -> torch.Tensor:
    """``log softmax(logits / temperature)`` of each chosen token, at least in float32.

    Args:
        model: Forwards the inputs.
        inputs: Of its forward: ids of ``[sequences, tokens]``, and what goes with them.
        chosen: Where and which.
        temperature: Divides the logits.
    """
    num_sequences = cast("torch.Tensor", inputs["input_ids"]).shape[0]
    num_rows = num_sequences * len(chosen.kept)
    num_columns = int(model.config.get_text_config().vocab_size)
    head = find_head(model) if num_rows * num_columns > _MAX_LOGITS else None
    if head is None:
        output = model(**inputs, logits_to_keep=chosen.kept)
        logits = output.logits.flatten(0, 1)
        return _select(logits, chosen.rows, chosen.tokens, temperature)
    backbone: torch.nn.Module = find_base_model(model).base_model
    states = backbone(**inputs).last_hidden_state[:, chosen.kept].flatten(0, 1)
    size = max(1, _MAX_LOGITS // num_columns)
    return _project(head, states, chosen, size, temperature)


def find_head(model: PreTrainedModel) -> Head | None:
    """What turns the last layer's output into logits; None, with a word in the log,
    where the model does more than its configuration says."""
    base = find_base_model(model)
    if base not in _is_plain_by_model:
        _is_plain_by_model[base] = _has_plain_head(base)
        if not _is_plain_by_model[base]:
            _logger.warning(
                "%s makes its logits in a way that is not known here, so they are "
                "computed all at once; a lower tokens_per_forward needs less memory.",
                type(base).__name__,
            )
    return _make_head(base) if _is_plain_by_model[base] else None


_is_plain_by_model: "WeakKeyDictionary[PreTrainedModel, bool]" = WeakKeyDictionary()


def _make_head(base: PreTrainedModel) -> Head:
    softcap = getattr(base.config.get_text_config(), "final_logit_softcapping", None)

    def head(states: torch.Tensor) -> torch.Tensor:
        layer = _find_last_layer(base)
        assert layer is not None, "looked for in `_has_plain_head`"
        logits: torch.Tensor = layer(states)
        return logits if softcap is None else torch.tanh(logits / softcap) * softcap

    return head


def _find_last_layer(base: PreTrainedModel) -> torch.nn.Module | None:
    layer = base.get_output_embeddings()  # type: ignore[no-untyped-call]
    return cast("torch.nn.Module | None", layer)


def _has_plain_head(base: PreTrainedModel) -> bool:
    """Whether the head gives the model's own logits, but for rounding."""
    if _find_last_layer(base) is None:
        return False
    ids = torch.arange(8, device=base.device)[None]
    with in_evaluation(base), torch.no_grad():
        wanted = base(input_ids=ids, use_cache=False).logits[0]
        backbone: torch.nn.Module = base.base_model
        states = backbone(input_ids=ids, use_cache=False).last_hidden_state[0]
        found = _make_head(base)(states)
    eps = torch.finfo(wanted.dtype).eps
    close = torch.allclose(found, wanted, rtol=16 * eps, atol=16 * eps)
    return found.shape == wanted.shape and close


def _project(
    head: Head, states: torch.Tensor, chosen: Chosen, size: int, temperature: float
) -> torch.Tensor:
    """Log-probabilities of the chosen tokens, ``size`` rows of states at a time."""
    order = chosen.rows.argsort(stable=True)
    rows, tokens = chosen.rows[order], chosen.tokens[order]
    starts = torch.arange(0, len(states), size, device=rows.device)
    cuts = [*torch.searchsorted(rows, starts).tolist(), len(rows)]
    parts = []
    for number, start in enumerate(starts.tolist()):
        own = slice(cuts[number], cuts[number + 1])

        def score(
            some: torch.Tensor, own: slice = own, start: int = start
        ) -> torch.Tensor:
            return _select(head(some), rows[own] - start, tokens[own], temperature)

        some = states[start : start + size]
        if torch.is_grad_enabled():
            part = checkpoint(
                score, some, use_reentrant=False, preserve_rng_state=False
            )
        else:
            part = score(some)
        parts.append(cast("torch.Tensor", part))
    return torch.cat(parts)[order.argsort()]


def _select(
    logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``log softmax(logits / temperature)`` at [row, token], one per pair."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    scaled = wide / temperature
    return scaled[rows, tokens] - torch.logsumexp(scaled, dim=-1)[rows]
