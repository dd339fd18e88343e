from itertools import permutations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.verifiers.matching import match_most

PARTNERS = st.lists(st.lists(st.integers(0, 4), max_size=5, unique=True), max_size=5)


def test_contended_partner_is_given_up_for_another() -> None:
    assert match_most([[0, 1], [0]]) == {0: 1, 1: 0}


def test_one_partner_serves_one() -> None:
    assert len(match_most([[0], [0]])) == 1


def test_long_chain_of_swaps_does_not_exhaust_the_stack() -> None:
    length = 3_000

    matched = match_most([[i, i + 1] for i in range(length)] + [[0, 0]])

    assert len(matched) == length + 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(partners=PARTNERS)
def test_agrees_with_trying_every_assignment(partners: list[list[int]]) -> None:
    best = max(
        sum(
            right in partners[left] for left, right in enumerate(order[: len(partners)])
        )
        for order in permutations(range(5))
    )

    matched = match_most(partners)

    assert len(matched) == best
    assert all(right in partners[left] for right, left in matched.items())
    assert len(set(matched.values())) == len(matched)
