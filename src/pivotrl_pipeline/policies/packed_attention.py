"""Attention of a packed row: a prefix tree whose every token is forwarded once.

A token attends to its path in the tree, and nowhere is there a mask over the whole row:
branches that continue the same path attend to its keys together, as one block without
mask, and each to itself as one causal (or small masked) block; the two are merged by
their log-sum-exp. Where a layer has a sliding window, a branch is cut into chunks about
as long as the window, and each attends to the keys that the window can reach.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch

from pivotrl_pipeline.policies.kernels import attend, attend_backward, merge
from pivotrl_pipeline.policies.plain_attention import Block, masked_score
from pivotrl_pipeline.policies.prefix_tree import (
    Branch,
    PrefixTree,
    Range,
    Tokens,
    slice_path,
)

_MIN_CHUNK_TOKENS = 128
"""Queries of a chunk where the window is narrower than this."""


class KeysValues(NamedTuple):
    """Of one layer, each [1, key heads, tokens, dim]."""

    keys: torch.Tensor
    values: torch.Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """Consecutive queries of the row and one block of keys, by where they stand."""

    start: int
    stop: int
    ranges: tuple[Range, ...]
    mask: torch.Tensor | None = None
    is_causal: bool = False
    is_first: bool = True
    """Of the blocks that these queries attend to."""


class PackedAttention:
    """How the tokens of a packed row attend, for one forward through a model.

    Args:
        tree: The row.
        device: Of the model.
        dtype: Of the model's queries.
        past: Keys and values of the tree's past tokens, one entry per layer.
        keep: Whether keys and values of the whole row stay in ``kept``.
    """

    def __init__(
        self,
        tree: PrefixTree,
        *,
        device: torch.device,
        dtype: torch.dtype,
        past: Sequence[KeysValues] = (),
        keep: bool = False,
    ) -> None:
        self._planner = _Planner(tree, device, dtype)
        self._num_past = tree.num_past
        self._past = past
        self._keep = keep
        self._steps: dict[int | None, list[Step]] = {}
        self.kept: dict[int, KeysValues] = {}
        """By layer, past tokens included."""

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
        """Output [1, tokens, heads, dim] for queries [1, heads, tokens, dim]."""
        if self._num_past:
            past = self._past[layer_index]
            keys = torch.cat([past.keys, keys], dim=2)
            values = torch.cat([past.values, values], dim=2)
        if self._keep:
            self.kept[layer_index] = KeysValues(keys, values)
        if window not in self._steps:
            self._steps[window] = self._planner.plan(window)
        plan = _Plan(self._steps[window], self._num_past, scale, softcap)
        out = _TreeAttention.apply(  # type: ignore[no-untyped-call]
            queries, keys, values, plan
        )
        return cast("torch.Tensor", out).transpose(1, 2)


class _Plan(NamedTuple):
    steps: list[Step]
    num_past: int
    scale: float
    softcap: float | None

    def find_queries(self, step: Step) -> slice:
        """Where a step's queries stand among those that are not past."""
        return slice(step.start - self.num_past, step.stop - self.num_past)


class _TreeAttention(torch.autograd.Function):
    """Exact attention of a packed row, with the gradients of queries, keys, values."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        plan: _Plan,
    ) -> torch.Tensor:
        batch, heads, tokens, _ = queries.shape
        # Laid out as the model wants it next: [batch, tokens, heads, dim].
        out = queries.new_empty(batch, tokens, heads, values.shape[-1]).transpose(1, 2)
        wide = torch.promote_types(queries.dtype, torch.float32)
        whole_lse = queries.new_empty(batch, heads, tokens, dtype=wide)
        for step in plan.steps:
            where = plan.find_queries(step)
            block = _read_block(step, keys, values)
            found = attend(queries[:, :, where], block, plan.scale, plan.softcap)
            if not step.is_first:
                found = merge((out[:, :, where], whole_lse[:, :, where]), found)
            out[:, :, where], whole_lse[:, :, where] = found
        ctx.save_for_backward(queries, keys, values, out, whole_lse)
        ctx.plan = plan  # type: ignore[attr-defined]
        return out

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        queries, keys, values, out, lse = ctx.saved_tensors  # type: ignore[attr-defined]
        plan: _Plan = ctx.plan  # type: ignore[attr-defined]
        # Several blocks add to one key: half precision would lose the small terms.
        grads = [
            torch.zeros_like(each, dtype=lse.dtype) for each in (queries, keys, values)
        ]
        for step in plan.steps:
            where = plan.find_queries(step)
            terms = attend_backward(
                grad[:, :, where],
                queries[:, :, where],
                _read_block(step, keys, values),
                out[:, :, where],
                lse[:, :, where],
                plan.scale,
                plan.softcap,
            )
            grads[0][:, :, where] += terms[0]
            _add_to_ranges(grads[1], step.ranges, terms[1])
            _add_to_ranges(grads[2], step.ranges, terms[2])
        queries_grad, keys_grad, values_grad = (
            each.to(queries.dtype) for each in grads
        )
        return queries_grad, keys_grad, values_grad, None


def _read_block(step: Step, keys: torch.Tensor, values: torch.Tensor) -> Block:
    return Block(
        read_ranges(keys, step.ranges),
        read_ranges(values, step.ranges),
        step.mask,
        step.is_causal,
    )


def read_ranges(row: torch.Tensor, ranges: Sequence[Range]) -> torch.Tensor:
    """Tokens of [1, heads, tokens, dim] at the ranges, joined; a view if it is one."""
    if len(ranges) == 1:
        return row[:, :, ranges[0][0] : ranges[0][1]]
    return torch.cat([row[:, :, start:stop] for start, stop in ranges], dim=2)


def _add_to_ranges(
    row: torch.Tensor, ranges: Sequence[Range], terms: torch.Tensor
) -> None:
    position = 0
    for start, stop in ranges:
        row[:, :, start:stop] += terms[:, :, position : position + stop - start]
        position += stop - start


class _Planner:
    """Cuts a tree into steps: queries and a block of keys that they attend to."""

    def __init__(
        self, tree: PrefixTree, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._tree = tree
        self._device = device
        self._dtype = dtype
        self._depth = int(tree.positions.max()) + 1

    def plan(self, window: int | None) -> list[Step]:
        """All steps, for layers whose queries see ``window`` keys (None: all)."""
        if window is not None and window < self._depth:
            return [
                step
                for branch in self._tree.branches
                for step in self._plan_window(branch, window)
            ]
        siblings = itertools.groupby(self._tree.branches, lambda b: b.prefix)
        return [
            step
            for prefix, branches in siblings
            for step in self._plan_siblings(prefix, list(branches))
        ]

    def _plan_siblings(
        self, prefix: tuple[Range, ...], branches: Sequence[Branch]
    ) -> Iterator[Step]:
        if prefix:
            yield Step(branches[0].start, branches[-1].stop, prefix)
        for branch in branches:
            mask = None if branch.is_chain else self._mask(self._see_own(branch))
            own = ((branch.start, branch.stop),)
            is_first = not prefix
            yield Step(branch.start, branch.stop, own, mask, branch.is_chain, is_first)

    def _plan_window(self, branch: Branch, window: int) -> Iterator[Step]:
        if not branch.is_chain:
            yield from self._plan_bundle_window(branch, window)
            return
        path = (*branch.prefix, (branch.start, branch.stop))
        first = int(self._positions(branch)[0])
        chunk = max(window, _MIN_CHUNK_TOKENS)
        for start in range(branch.start, branch.stop, chunk):
            stop = min(start + chunk, branch.stop)
            low = max(0, first + start - branch.start - window + 1)
            queries = torch.arange(start - branch.start, stop - branch.start) + first
            keys = torch.arange(low, int(queries[-1]) + 1)
            distance = queries[:, None] - keys
            mask = self._mask((distance >= 0) & (distance < window))
            ranges = slice_path(path, low, int(queries[-1]) + 1)
            yield Step(start, stop, ranges, mask)

    def _plan_bundle_window(self, branch: Branch, window: int) -> Iterator[Step]:
        positions = torch.from_numpy(self._positions(branch))
        first = int(positions.min())
        distance = positions[:, None] - positions
        own = self._mask(self._see_own(branch) & (distance < window))
        yield Step(branch.start, branch.stop, ((branch.start, branch.stop),), own)
        low = max(0, first - window + 1)
        if low < first:
            before = positions[:, None] - torch.arange(low, first)
            ranges = slice_path(branch.prefix, low, first)
            mask = self._mask(before < window)
            yield Step(branch.start, branch.stop, ranges, mask, is_first=False)

    def _see_own(self, branch: Branch) -> torch.Tensor:
        """[tokens, tokens] of the branch: True where the first sees the second."""
        own = slice(
            branch.start - self._tree.num_past, branch.stop - self._tree.num_past
        )
        until = torch.from_numpy(self._tree.visible_until[own])
        number = torch.arange(branch.start, branch.stop)
        return (number <= number[:, None]) & (until > number[:, None])

    def _positions(self, branch: Branch) -> Tokens:
        past = self._tree.num_past
        return self._tree.positions[branch.start - past : branch.stop - past]

    def _mask(self, is_seen: torch.Tensor) -> torch.Tensor:
        """[1, 1, queries, keys], to be added to the scores."""
        mask = torch.zeros(is_seen.shape, dtype=self._dtype)
        mask = mask.masked_fill(~is_seen, masked_score(self._dtype))
        return mask[None, None].to(self._device)
