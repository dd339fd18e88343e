"""Which demonstrated call is which sampled call, when order means nothing.

Greedy pairing is not enough: with fuzzy comparators a call may fit two demonstrated
calls, and taking the first can leave the second without a partner.
"""

from collections.abc import Sequence


def match_most(partners: Sequence[Sequence[int]]) -> dict[int, int]:
    """A largest set of disjoint pairs.

    Args:
        partners: For each left index, the right indices it may be paired with.

    Returns:
        The left index by right index.

    Source:
        Kuhn 1955, augmenting paths, walked without recursion.
    """
    left_by_right: dict[int, int] = {}
    for left in sorted(range(len(partners)), key=lambda index: len(partners[index])):
        _augment(left, partners, left_by_right)
    return left_by_right


def _augment(
    start: int, partners: Sequence[Sequence[int]], left_by_right: dict[int, int]
) -> None:
    came_from: dict[int, int] = {}
    waiting = [start]
    while waiting:
        left = waiting.pop()
        for right in partners[left]:
            if right in came_from:
                continue
            came_from[right] = left
            if right not in left_by_right:
                _flip(right, start, came_from, left_by_right)
                return
            waiting.append(left_by_right[right])


def _flip(
    right: int, start: int, came_from: dict[int, int], left_by_right: dict[int, int]
) -> None:
    """Re-pairs every left on the path that ends at the free ``right``."""
    right_by_left = {left: each for each, left in left_by_right.items()}
    while True:
        left = came_from[right]
        left_by_right[right] = left
        if left == start:
            return
        right = right_by_left[left]
