"""Whether prefixes can be shared inside a model, found out by trying it once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import cast
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.interface import (
    TreeAttention,
    disable_tree_attention,
    enable_tree_attention,
)
from pivotrl_pipeline.policies.packed_attention import PackedAttention
from pivotrl_pipeline.policies.prefix_tree import PrefixTree, build_prefix_tree

_logger = logging.getLogger(__name__)

_LAYER_TYPES = {"full_attention", "sliding_attention"}
_VARYING_ROPES = {"dynamic", "longrope"}
_PROBE_TOKENS = 12

# What a model that was not built for this may raise when it is called with a tree.
_REFUSALS = (
    PolicyError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    LookupError,
    NotImplementedError,
)


class Sharing(StrEnum):
    """How much of a prefix can be shared."""

    TREE = "tree"
    """Each unique token is forwarded once, and its keys and values are kept once."""
    PROMPT = "prompt"
    """Each prompt is forwarded once, and its cache is copied for each action."""
    NONE = "none"
    """The whole sequence is forwarded for every token."""


_sharing_by_model: "WeakKeyDictionary[PreTrainedModel, Sharing]" = WeakKeyDictionary()


def find_base_model(model: PreTrainedModel) -> PreTrainedModel:
    """The transformers model inside a peft model; any other model itself."""
    unwrap = getattr(model, "get_base_model", None)
    return cast("PreTrainedModel", unwrap()) if callable(unwrap) else model


def find_sharing(model: PreTrainedModel) -> Sharing:
    """What a model can share; probed at the first call, and said in the log if less."""
    base = find_base_model(model)
    if base not in _sharing_by_model:
        sharing, reason = _probe(base)
        if sharing is not Sharing.TREE:
            _logger.warning(
                "%s cannot share prefixes inside its forward (%s); falling back to "
                "sharing=%s, which gives the same result more slowly.",
                type(base).__name__,
                reason,
                sharing,
            )
        _sharing_by_model[base] = sharing
    return _sharing_by_model[base]


def forward_tree(
    model: PreTrainedModel,
    tree: PrefixTree,
    attention: TreeAttention,
    *,
    logits_to_keep: torch.Tensor,
) -> torch.Tensor:
    """Logits [kept, vocabulary] of a packed row, at some places among its tokens."""
    inputs = make_tree_inputs(model, tree, attention)
    output = model(**inputs, logits_to_keep=logits_to_keep)
    return cast("torch.Tensor", output.logits[0])


def make_tree_inputs(
    model: PreTrainedModel, tree: PrefixTree, attention: TreeAttention
) -> dict[str, object]:
    """What the model's forward takes to read a packed row."""
    enable_tree_attention(find_base_model(model))
    device = model.device
    return {
        "input_ids": torch.from_numpy(tree.token_ids)[None].to(device),
        "position_ids": torch.from_numpy(tree.positions)[None].to(device),
        # A mask with four axes is taken as it is: none is built for the row.
        "attention_mask": torch.zeros(1, 1, 1, 1, device=device),
        "use_cache": False,
        "tree": attention,
    }


def _probe(model: PreTrainedModel) -> tuple[Sharing, str]:
    with in_evaluation(model), torch.no_grad():
        sequences = _make_sequences(model)
        wanted = [_forward_plainly(model, sequence) for sequence in sequences]
        try:
            _check_config(model)
            found = _forward_shared(model, sequences)
            _compare(model, found, wanted)
        except _REFUSALS as error:
            disable_tree_attention(model)
            reason = str(error)
        else:
            return Sharing.TREE, ""
        try:
            found = [_forward_cached(model, sequence) for sequence in sequences]
            _compare(model, found, wanted)
        except _REFUSALS as error:
            return Sharing.NONE, f"{reason}; {error}"
        return Sharing.PROMPT, reason


def _check_config(model: PreTrainedModel) -> None:
    config = model.config.get_text_config()
    unknown = set(getattr(config, "layer_types", None) or ()) - _LAYER_TYPES
    if unknown:
        raise PolicyError(f"it has layers of type {', '.join(sorted(unknown))}")
    rope = getattr(config, "rope_parameters", None) or {}
    kind = rope.get("rope_type") if isinstance(rope, dict) else None
    if kind in _VARYING_ROPES:
        raise PolicyError(f"its {kind} rotary embedding depends on the row's length")


def _make_sequences(model: PreTrainedModel) -> list[list[int]]:
    """Three token sequences that share their beginnings, of ordinary token ids."""
    num_tokens = int(model.config.get_text_config().vocab_size)
    draw = [(7 + 31 * index) % num_tokens for index in range(4 * _PROBE_TOKENS)]
    first, second, third, fourth = (
        draw[start : start + _PROBE_TOKENS] for start in range(0, len(draw), 12)
    )
    return [first + second, first + third, first[:5] + fourth]


def _forward_plainly(model: PreTrainedModel, sequence: list[int]) -> torch.Tensor:
    ids = torch.tensor([sequence], device=model.device)
    return cast("torch.Tensor", model(input_ids=ids, use_cache=False).logits[0, -1])


def _forward_shared(
    model: PreTrainedModel, sequences: list[list[int]]
) -> list[torch.Tensor]:
    tree = build_prefix_tree(sequences)
    attention = _Recorder(PackedAttention(tree, device=model.device, dtype=model.dtype))
    ends = torch.tensor([path[-1][1] - 1 for path in tree.paths], device=model.device)
    logits = forward_tree(model, tree, attention, logits_to_keep=ends)
    attention.check(model)
    return list(logits)


def _forward_cached(model: PreTrainedModel, sequence: list[int]) -> torch.Tensor:
    """Logits after a prompt whose cache was repeated, with one token decoded."""
    cache = DynamicCache(config=model.config.get_text_config())
    ids = torch.tensor([sequence], device=model.device)
    model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(2)
    last = ids[:, -1:].expand(2, 1)
    logits = model(input_ids=last, past_key_values=cache, use_cache=True).logits
    return cast("torch.Tensor", logits[1, -1])


def _compare(
    model: PreTrainedModel, found: list[torch.Tensor], wanted: list[torch.Tensor]
) -> None:
    """Refuses logits that differ by more than rounding.

    What the context changes in the logits is the yardstick: an untrained model's logits
    hardly depend on it, so that a fixed tolerance would let anything pass.
    """
    is_narrow = torch.finfo(model.dtype).bits <= 16
    of_effect, of_size = (0.1, 0.02) if is_narrow else (1e-3, 1e-5)
    effect = max((wanted[0] - wanted[1]).abs().max().item(), 0.0)
    size = max(row.abs().max().item() for row in wanted)
    error = max(
        (one - other).abs().max().item()
        for one, other in zip(found, wanted, strict=True)
    )
    if not error <= of_effect * effect + of_size * size:
        raise PolicyError(f"its logits change by {error:.2g} of {size:.2g}")


class _Recorder:
    """Passes attention through and notes which layers came by, with which window."""

    def __init__(self, attention: TreeAttention) -> None:
        self._attention = attention
        self._windows: dict[int, int | None] = {}

    def attend(
        self,
        layer_index: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        *,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> torch.Tensor:
        self._windows[layer_index] = window
        return self._attention.attend(
            layer_index,
            queries,
            keys,
            values,
            scale=scale,
            window=window,
            softcap=softcap,
        )

    def check(self, model: PreTrainedModel) -> None:
        """Refuses a model whose layers or windows did not all come by.

        Raises:
            PolicyError: If one did not; a window longer than the probe would otherwise
                go unnoticed.
        """
        config = model.config.get_text_config()
        num_layers = int(config.num_hidden_layers)
        if sorted(self._windows) != list(range(num_layers)):
            raise PolicyError(
                f"{len(self._windows)} of its {num_layers} layers call the attention "
                "function"
            )
        kinds = getattr(config, "layer_types", None) or ["full_attention"] * num_layers
        for index, kind in enumerate(kinds):
            if kind == "sliding_attention" and self._windows[index] is None:
                raise PolicyError(f"layer {index} does not hand over its window")


@contextmanager
def in_evaluation(model: PreTrainedModel) -> Iterator[None]:
    """Every module in evaluation mode, and afterwards as it was."""
    training = [module for module in model.modules() if module.training]
    model.train(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
