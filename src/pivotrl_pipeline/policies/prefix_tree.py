"""What token sequences share: a prefix tree, laid out as one row of unique tokens.

Each token of the tree stands in the row once. A sequence is a path, a handful of ranges
of the row; a token attends to the path before it and to nothing else. The row is cut
into branches, runs of tokens that begin at the same point of the tree, such that
attention needs one block for what a branch follows and one for the branch itself:
long single paths stay causal, and small bushy subtrees (the actions at a state) are
bundled, so that their blocks are few and no mask over the whole row is ever needed.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Range: TypeAlias = tuple[int, int]
"""``[start, stop)`` of the row."""
Tokens: TypeAlias = NDArray[np.int64]

_MAX_BUNDLE_TOKENS = 256
"""Above this a dense mask inside a bundle would cost more than the blocks it saves."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Consecutive tokens of the row that continue the same path."""

    start: int
    stop: int
    prefix: tuple[Range, ...]
    """The path that they continue: every token of the branch sees all of it."""
    is_chain: bool
    """Each token follows the one before it: inside, the branch is plainly causal.
    Otherwise token i sees token j <= i of the branch where ``visible_until[j] > i``."""


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """Sequences without what they repeat of each other."""

    token_ids: Tokens
    """[num_tokens], each unique token once."""
    positions: Tokens
    """[num_tokens], how many tokens each has before it on its path."""
    visible_until: Tokens
    """[num_tokens], where the subtree below each token ends in its branch."""
    branches: tuple[Branch, ...]
    """In the order of the row, which they cover."""
    paths: tuple[tuple[Range, ...], ...]
    """One per sequence; its ranges, joined, are the sequence."""
    num_past: int = 0
    """Tokens of the row that stand before the tree's own: they are already known, and
    of them the tree holds neither ids nor positions."""


def build_prefix_tree(sequences: Sequence[Sequence[int]]) -> PrefixTree:
    """The tree of token sequences, which may repeat and be prefixes of each other.

    Raises:
        ValueError: If there is no sequence, or one is empty.
    """
    if not sequences or any(len(sequence) == 0 for sequence in sequences):
        raise ValueError(
            f"a prefix tree of {len(sequences)} sequences with lengths "
            f"{sorted({len(sequence) for sequence in sequences})}; it needs at least "
            "one sequence and no empty one."
        )
    nodes, ends = _build_nodes(sequences)
    layout = _Layout(nodes)
    layout.place_all()
    return PrefixTree(
        token_ids=np.concatenate(layout.tokens),
        positions=np.concatenate(layout.positions),
        visible_until=np.concatenate(layout.visible_until),
        branches=tuple(layout.branches),
        paths=tuple(layout.paths[end] for end in ends),
    )


def join_prefix_trees(
    trees: Sequence[PrefixTree], past_lengths: Sequence[int], *, num_root: int = 0
) -> PrefixTree:
    """One row: the known tokens that all trees continue, those of each, then all trees.

    Args:
        trees: Each without its past.
        past_lengths: Known tokens before each tree, beyond the root; they stand in the
            row in the same order.
        num_root: Known tokens that every past continues.
    """
    ends = np.cumsum([num_root, *past_lengths]).tolist()
    num_past = ends[-1]
    start = num_past
    moved: list[PrefixTree] = []
    for tree, past in zip(trees, itertools.pairwise(ends), strict=True):
        moved.append(_move(tree, start, num_root, past))
        start += len(tree.token_ids)
    return PrefixTree(
        token_ids=np.concatenate([tree.token_ids for tree in moved]),
        positions=np.concatenate([tree.positions for tree in moved]),
        visible_until=np.concatenate([tree.visible_until for tree in moved]),
        branches=tuple(branch for tree in moved for branch in tree.branches),
        paths=tuple(path for tree in moved for path in tree.paths),
        num_past=num_past,
    )


def _move(tree: PrefixTree, start: int, num_root: int, past: Range) -> PrefixTree:
    num_own = past[1] - past[0]
    head: tuple[Range, ...] = ((0, num_root),) if num_root else ()
    if num_own:
        head = _extend(head, past[0], num_own)

    def follow(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        return (*head, *((first + start, last + start) for first, last in ranges))

    return PrefixTree(
        token_ids=tree.token_ids,
        positions=tree.positions + (num_root + num_own),
        visible_until=tree.visible_until + start,
        branches=tuple(
            Branch(
                branch.start + start,
                branch.stop + start,
                follow(branch.prefix),
                branch.is_chain,
            )
            for branch in tree.branches
        ),
        paths=tuple(follow(path) for path in tree.paths),
    )


def slice_path(path: Sequence[Range], start: int, stop: int) -> tuple[Range, ...]:
    """The part of a path between two positions, as ranges of the row."""
    cut: list[Range] = []
    position = 0
    for first, last in path:
        low = max(start - position, 0) + first
        high = min(stop - position + first, last)
        if low < high:
            cut.append((low, high))
        position += last - first
    return tuple(cut)


def count_shared(first: Tokens, second: Tokens) -> int:
    """Length of the longest common prefix."""
    length = min(len(first), len(second))
    different = np.flatnonzero(first[:length] != second[:length])
    return int(different[0]) if len(different) else length


@dataclass(slots=True)
class _Node:
    """A run of tokens without a fork; ``tokens[start:stop]`` is its own part."""

    tokens: Tokens
    start: int
    stop: int
    parent: int
    children: list[int]
    num_below: int = 0
    """Tokens of the whole subtree, its own included."""
    depth_below: int = 0
    """Tokens of its longest path, its own included."""


_ROOT = 0


def _build_nodes(sequences: Sequence[Sequence[int]]) -> tuple[list[_Node], list[int]]:
    """Nodes of the radix tree (0 is the empty root), and where each sequence ends.

    Sorted sequences that share a prefix are neighbours, so one stack, the path to the
    sequence before, is all that is needed.
    """
    keys = [tuple(sequence) for sequence in sequences]
    nodes = [_Node(np.empty(0, np.int64), 0, 0, -1, [])]
    node_by_key: dict[tuple[int, ...], int] = {}
    path = [_ROOT]
    previous = nodes[_ROOT].tokens
    for key in sorted(set(keys)):
        tokens = np.asarray(key, dtype=np.int64)
        shared = count_shared(previous, tokens)
        _cut_path(nodes, path, shared)
        node_by_key[key] = len(nodes)
        nodes.append(_Node(tokens, shared, len(tokens), path[-1], []))
        path.append(len(nodes) - 1)
        previous = tokens
    _link_nodes(nodes)
    return nodes, [node_by_key[key] for key in keys]


def _cut_path(nodes: list[_Node], path: list[int], shared: int) -> None:
    """Shortens the path to ``shared`` tokens, splitting the node that it crosses."""
    last = path[-1]
    while nodes[path[-1]].stop > shared:
        last = path.pop()
    if nodes[path[-1]].stop == shared:
        return
    below = nodes[last]
    nodes.append(_Node(below.tokens, below.start, shared, below.parent, []))
    below.start, below.parent = shared, len(nodes) - 1
    path.append(len(nodes) - 1)


def _link_nodes(nodes: list[_Node]) -> None:
    """Fills in children and the sizes of subtrees."""
    for index in sorted(range(1, len(nodes)), key=lambda index: -nodes[index].stop):
        node, parent = nodes[index], nodes[nodes[index].parent]
        node.num_below += node.stop - node.start
        node.depth_below += node.stop - node.start
        parent.num_below += node.num_below
        parent.depth_below = max(parent.depth_below, node.depth_below)
        parent.children.append(index)
    for node in nodes:
        node.children.sort()


class _Layout:
    """Places nodes into the row, branch by branch."""

    def __init__(self, nodes: list[_Node]) -> None:
        self._nodes = nodes
        self._length = 0
        self._waiting: list[tuple[list[int], tuple[Range, ...]]] = []
        self.tokens: list[Tokens] = []
        self.positions: list[Tokens] = []
        self.visible_until: list[Tokens] = []
        self.branches: list[Branch] = []
        self.paths: dict[int, tuple[Range, ...]] = {}

    def place_all(self) -> None:
        """Places everything below the root."""
        self._waiting.append((self._nodes[_ROOT].children, ()))
        while self._waiting:
            children, prefix = self._waiting.pop()
            bundles, large = self._split(children)
            for bundle in bundles:
                self._place_bundle(bundle, prefix)
            for child in large:
                self._place_chain(child, prefix)

    def _split(self, siblings: list[int]) -> tuple[list[list[int]], list[int]]:
        """Small subtrees, in bundles, and those that are too large for one."""
        bundles: list[list[int]] = []
        large: list[int] = []
        room = 0
        for sibling in siblings:
            size = self._nodes[sibling].num_below
            if size > _MAX_BUNDLE_TOKENS:
                large.append(sibling)
                continue
            if size > room:
                bundles.append([])
                room = _MAX_BUNDLE_TOKENS
            bundles[-1].append(sibling)
            room -= size
        return bundles, large

    def _place_chain(self, index: int, prefix: tuple[Range, ...]) -> None:
        """Places the longest path below a node; what hangs off it has to wait."""
        start = self._length
        while True:
            self._place(index)
            path = (*prefix, (start, self._length))
            self.paths[index] = path
            children = self._nodes[index].children
            if sum(self._nodes[c].num_below for c in children) <= _MAX_BUNDLE_TOKENS:
                self._waiting.append((children, path))
                break
            index = max(children, key=lambda child: self._nodes[child].depth_below)
            self._waiting.append(([c for c in children if c != index], path))
        self.visible_until.append(np.full(self._length - start, self._length))
        self.branches.append(Branch(start, self._length, prefix, is_chain=True))

    def _place_bundle(self, roots: list[int], prefix: tuple[Range, ...]) -> None:
        """Places whole subtrees, each node before what is below it."""
        start = self._length
        waiting = [(root, prefix) for root in reversed(roots)]
        is_chain = len(roots) == 1
        while waiting:
            index, path = waiting.pop()
            node = self._nodes[index]
            end = self._length + node.num_below
            self.paths[index] = _extend(path, self._length, node.stop - node.start)
            self.visible_until.append(np.full(node.stop - node.start, end))
            self._place(index)
            is_chain = is_chain and len(node.children) <= 1
            waiting.extend((c, self.paths[index]) for c in reversed(node.children))
        self.branches.append(Branch(start, self._length, prefix, is_chain))

    def _place(self, index: int) -> None:
        """Appends a node's own tokens to the row."""
        node = self._nodes[index]
        self.tokens.append(node.tokens[node.start : node.stop])
        self.positions.append(np.arange(node.start, node.stop))
        self._length += node.stop - node.start


def _extend(path: tuple[Range, ...], start: int, length: int) -> tuple[Range, ...]:
    """The path with ``length`` more tokens from ``start`` on, joined if they adjoin."""
    if path and path[-1][1] == start:
        return (*path[:-1], (path[-1][0], start + length))
    return (*path, (start, start + length))
