import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.policies.prefix_tree import (
    PrefixTree,
    build_prefix_tree,
    count_shared,
)

SEQUENCES = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=700)
    | st.lists(st.integers(0, 2), min_size=1, max_size=6),
    min_size=1,
    max_size=12,
)


def read_path(tree: PrefixTree, index: int) -> list[int]:
    return [
        int(token)
        for start, stop in tree.paths[index]
        for token in tree.token_ids[start:stop]
    ]


def find_visible(tree: PrefixTree, branch_index: int, token: int) -> set[int]:
    branch = tree.branches[branch_index]
    own = {
        j
        for j in range(branch.start, token + 1)
        if branch.is_chain or tree.visible_until[j] > token
    }
    return own | {j for start, stop in branch.prefix for j in range(start, stop)}


def test_shared_tokens_stand_once() -> None:
    tree = build_prefix_tree([[1, 2, 3], [1, 2, 4, 5], [1, 2]])

    # 1 2, then 3, then 4 5
    assert tree.token_ids.tolist() == [1, 2, 3, 4, 5]
    assert tree.positions.tolist() == [0, 1, 2, 2, 3]
    assert tree.paths == (((0, 3),), ((0, 2), (3, 5)), ((0, 2),))


def test_prefixes_of_each_other_are_one_chain() -> None:
    tree = build_prefix_tree([[7] * 300, [7] * 600, [7] * 10])

    assert len(tree.token_ids) == 600
    # 300 of them, then the other 300, which are too many for a bundle
    assert [(b.start, b.stop, b.is_chain) for b in tree.branches] == [(0, 600, True)]
    assert tree.paths == (((0, 300),), ((0, 600),), ((0, 10),))


def test_unrelated_sequences_share_nothing() -> None:
    tree = build_prefix_tree([[1] * 300, [2] * 300])

    assert len(tree.token_ids) == 600
    assert [branch.prefix for branch in tree.branches] == [(), ()]


def test_actions_of_one_state_are_bundled_behind_it() -> None:
    prompt = [9] * 500
    tree = build_prefix_tree([[*prompt, 1, 1], [*prompt, 1, 2], [*prompt, 3]])

    chain, bundle = tree.branches
    assert (chain.start, chain.stop, chain.is_chain) == (0, 500, True)
    # 1, 1, 2, 3: the first 1 is shared by two actions
    assert (bundle.start, bundle.stop) == (500, 504)
    assert bundle.prefix == ((0, 500),)
    assert not bundle.is_chain
    assert tree.visible_until[500:].tolist() == [503, 502, 503, 504]


@pytest.mark.parametrize("sequences", [[], [[]], [[1], []]])
def test_nothing_to_share_is_refused(sequences: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="at least one sequence and no empty one"):
        build_prefix_tree(sequences)


def test_count_shared_stops_at_the_first_difference() -> None:
    first, second = np.array([1, 2, 3]), np.array([1, 2, 4, 5])

    assert count_shared(first, second) == 2
    assert count_shared(first, first[:1]) == 1


@given(SEQUENCES)
def test_paths_read_back_as_the_sequences(sequences: list[list[int]]) -> None:
    tree = build_prefix_tree(sequences)

    assert [read_path(tree, i) for i in range(len(sequences))] == sequences


@given(SEQUENCES)
def test_each_unique_prefix_has_one_token(sequences: list[list[int]]) -> None:
    tree = build_prefix_tree(sequences)

    unique = {tuple(s[: n + 1]) for s in sequences for n in range(len(s))}
    assert len(tree.token_ids) == len(unique)


@given(SEQUENCES)
def test_a_token_sees_exactly_its_path(sequences: list[list[int]]) -> None:
    tree = build_prefix_tree(sequences)

    branch_of = {
        token: index
        for index, branch in enumerate(tree.branches)
        for token in range(branch.start, branch.stop)
    }
    assert sorted(branch_of) == list(range(len(tree.token_ids)))
    path = [j for start, stop in tree.paths[0] for j in range(start, stop)]
    for depth in {0, len(path) // 2, len(path) - 1}:
        token = path[depth]
        seen = find_visible(tree, branch_of[token], token)
        assert seen == set(path[: depth + 1])
        assert tree.positions[token] == depth
