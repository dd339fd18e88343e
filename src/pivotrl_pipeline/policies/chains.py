"""Prompts in chains: the prefixes of a prompt share its keys and values."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.packed_attention import KeysValues, PackedAttention
from pivotrl_pipeline.policies.prefix_tree import (
    PrefixTree,
    Tokens,
    build_prefix_tree,
    count_shared,
    join_prefix_trees,
)
from pivotrl_pipeline.policies.sharing import find_base_model, forward_tree

_MIN_ROOT_TOKENS = 32
"""A shorter beginning is not worth a block of its own."""


@dataclass(frozen=True, slots=True)
class Past:
    """Known tokens: their keys and values need no forward."""

    tokens: Tokens
    layers: Sequence[KeysValues]

    @property
    def num_tokens(self) -> int:
        """How many are known."""
        return len(self.tokens)


NO_PAST = Past(np.empty(0, np.int64), ())


@dataclass(frozen=True, slots=True)
class Known:
    """What calls before left behind of the prompts of a call."""

    root: Past | None = None
    """What all of them begin with, each going on after it; None: to be looked for."""
    pasts: Mapping[int, Past] = field(default_factory=dict)
    """Of some prompts, by their index: what they continue the root with. If there are
    any, each prompt is continued on its own."""
    seen: Sequence[Tokens] = ()
    """What was forwarded of these and other prompts, kept or not; only counted."""


NOTHING_KNOWN = Known()


@dataclass(slots=True)
class Chain:
    """Prompts of which each is a prefix of the last."""

    prompts: list[int]
    """Indices into the call's distinct prompts, by length."""
    tokens: Tokens
    """Of the last."""
    waiting: list[int] = field(default_factory=list)
    """Rows still to be started, by number."""
    past: Past = NO_PAST
    """Beyond the root."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """What the forward of some chains left behind."""

    layers: list[KeysValues]
    """Per layer, [chains, key heads, tokens, dim], padded on the right."""
    logits: dict[int, torch.Tensor]
    """[vocabulary] after each prompt."""
    num_forwarded: int


@dataclass(slots=True)
class PromptMemory:
    """What the forward of some prompts left behind, for a call with the same prompts.

    It holds as much as one forward: the last.
    """

    prompts: tuple[tuple[int, ...], ...] = ()
    """Of the last call."""
    root: Past | None = None
    """Of those prompts; None until it is forwarded."""
    _ends: tuple[int, ...] = ()
    _prefill: Prefill | None = None

    def turn_to(self, prompts: tuple[tuple[int, ...], ...]) -> bool:
        """Whether these are the prompts of the last call; if not, all is forgotten."""
        if prompts == self.prompts:
            return True
        self.prompts, self.root, self._ends, self._prefill = prompts, None, (), None
        return False

    def find(self, chains: Sequence[Chain]) -> Prefill | None:
        """What the same chains left behind, if they were forwarded last."""
        return self._prefill if _read_ends(chains) == self._ends else None

    def keep(self, chains: Sequence[Chain], prefill: Prefill) -> None:
        """Remembers a forward in place of the one before."""
        self._ends, self._prefill = _read_ends(chains), prefill


def _read_ends(chains: Sequence[Chain]) -> tuple[int, ...]:
    return tuple(chain.prompts[-1] for chain in chains)


def make_chains(prompts: Sequence[Tokens]) -> list[Chain]:
    """Chains of distinct prompts; neighbours in the list begin alike.

    Sorted, a prompt stands directly before what it is a prefix of.
    """
    order = sorted(range(len(prompts)), key=lambda index: prompts[index].tolist())
    chains: list[Chain] = []
    for index in order:
        tokens = prompts[index]
        last = chains[-1] if chains else None
        if last and count_shared(last.tokens, tokens) == len(last.tokens):
            last.prompts.append(index)
            last.tokens = tokens
        else:
            chains.append(Chain([index], tokens))
    return chains


def count_root(prompts: Sequence[Tokens]) -> int:
    """Tokens that all prompts begin with, each prompt keeping at least one after it."""
    if len(prompts) < 2:
        return 0
    # Sorted neighbours share least between the first and the last.
    keys = [prompt.tolist() for prompt in prompts]
    first, last = np.array(min(keys)), np.array(max(keys))
    shared = min(count_shared(first, last), min(map(len, keys)) - 1)
    return shared if shared >= _MIN_ROOT_TOKENS else 0


def count_unique(prompts: Sequence[Tokens]) -> int:
    """Distinct prefixes of all prompts: the tokens that have to be forwarded."""
    ordered = sorted(prompts, key=lambda prompt: prompt.tolist())
    shared = sum(count_shared(*pair) for pair in itertools.pairwise(ordered))
    return sum(map(len, prompts)) - shared


def forward_root(model: PreTrainedModel, tokens: Tokens) -> Past:
    """The beginning that every chain shares."""
    tree = build_prefix_tree([tokens.tolist()])
    attention = _make_attention(model, tree, ())
    forward_tree(model, tree, attention, logits_to_keep=torch.zeros(1).long())
    return Past(tokens, [layer for _, layer in sorted(attention.kept.items())])


def forward_chains(
    model: PreTrainedModel,
    chains: Sequence[Chain],
    prompts: Sequence[Tokens],
    *,
    root: Past,
) -> Prefill:
    """Forwards what is not known yet of some chains, each unique token once.

    Args:
        model: Shares trees.
        chains: Each continues the root, and its own past after it.
        prompts: That the chains index.
        root: Left out of the layers that are returned, since all rows share it.
    """
    groups = _group_by_past(chains)
    trees = []
    for past, members in groups:
        num_known = root.num_tokens + past.num_tokens
        rest = [
            prompts[index][num_known:].tolist()
            for chain in members
            for index in chain.prompts
        ]
        trees.append(build_prefix_tree(rest))
    pasts = [past for past, _ in groups]
    tree = join_prefix_trees(
        trees, [past.num_tokens for past in pasts], num_root=root.num_tokens
    )
    ordered = [chain for _, members in groups for chain in members]
    indices = [index for chain in ordered for index in chain.prompts]
    attention = _make_attention(
        model, tree, join_layers([past.layers for past in (root, *pasts)])
    )
    ends = torch.tensor([path[-1][1] - 1 - tree.num_past for path in tree.paths])
    logits = forward_tree(model, tree, attention, logits_to_keep=ends.to(model.device))
    path_of_prompt = dict(zip(indices, tree.paths, strict=True))
    places = [
        _read_places(path_of_prompt[chain.prompts[-1]], root.num_tokens)
        for chain in chains
    ]
    return Prefill(
        _stack(attention.kept, places, model.device),
        dict(zip(indices, logits, strict=True)),
        len(tree.token_ids),
    )


def _make_attention(
    model: PreTrainedModel, tree: PrefixTree, past: Sequence[KeysValues]
) -> PackedAttention:
    dtype = find_base_model(model).dtype
    return PackedAttention(tree, device=model.device, dtype=dtype, past=past, keep=True)


def _group_by_past(chains: Sequence[Chain]) -> list[tuple[Past, list[Chain]]]:
    groups: dict[int, tuple[Past, list[Chain]]] = {}
    for chain in chains:
        groups.setdefault(id(chain.past), (chain.past, []))[1].append(chain)
    return list(groups.values())


def join_layers(parts: Sequence[Sequence[KeysValues]]) -> list[KeysValues]:
    """Per layer, a copy of what follows one another; a part of no tokens may be ()."""
    filled = [part for part in parts if part]
    return [
        KeysValues(
            torch.cat([layer.keys for layer in layers], dim=2),
            torch.cat([layer.values for layer in layers], dim=2),
        )
        for layers in zip(*filled, strict=True)
    ]


def _read_places(path: Sequence[tuple[int, int]], skipped: int) -> Tokens:
    places = np.concatenate([np.arange(start, stop) for start, stop in path])
    return places[skipped:]


def _stack(
    kept: dict[int, KeysValues], places: Sequence[Tokens], device: torch.device
) -> list[KeysValues]:
    """[chains, key heads, tokens, dim] of each layer; padding repeats a token."""
    width = max(map(len, places))
    padded = np.stack([np.pad(row, (0, width - len(row))) for row in places])
    index = torch.from_numpy(padded).to(device)
    return [
        KeysValues(
            layer.keys[0][:, index].transpose(0, 1).contiguous(),
            layer.values[0][:, index].transpose(0, 1).contiguous(),
        )
        for _, layer in sorted(kept.items())
    ]
