"""Which groups go through the model together."""

import pytest

from pivotrl_pipeline.policies.groups import ActionGroup, batch_groups

CHAINS = [
    ActionGroup([1, 2, 3, 4, 5], [[6]]),
    ActionGroup([9, 9], [[6]]),
    ActionGroup([1, 2, 3, 4, 5, 6, 7], [[8, 8]]),
    ActionGroup([1, 2, 3], [[4], [5]]),
]


@pytest.mark.parametrize(
    ("max_tokens", "batches"),
    [
        # 3 + 2 actions, 2 more + 1, 2 more + 2; then 2 + 1
        (15, [[3, 0, 2, 1]]),
        (14, [[3, 0, 2], [1]]),
        (12, [[3, 0, 2], [1]]),
        # without what it shared with the batch before, a prompt counts in full: 7 + 2
        (11, [[3, 0], [2], [1]]),
        (8, [[3, 0], [2], [1]]),
        (7, [[3], [0], [2], [1]]),
        (1, [[3], [0], [2], [1]]),
    ],
)
def test_beginnings_that_prompts_share_count_once(
    max_tokens: int, batches: list[list[int]]
) -> None:
    assert list(batch_groups(CHAINS, max_tokens=max_tokens)) == batches


def test_a_group_without_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ActionGroup\.prompt_ids is empty"):
        ActionGroup([], [[1]])
