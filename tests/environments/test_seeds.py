"""The ranges of seeds that keep what is learnt from what is evaluated."""

from itertools import combinations

import pytest

from pivotrl_pipeline.environments.seeds import SeedRange, purpose_of, take_seeds
from pivotrl_pipeline.errors import ConfigurationError


@pytest.mark.parametrize(("one", "other"), list(combinations(SeedRange, 2)))
def test_ranges_share_no_seed(one: SeedRange, other: SeedRange) -> None:
    assert not set(one.seeds[:: 10**5]) & set(other.seeds[:: 10**5])
    assert one.seeds.stop <= other.seeds.start or other.seeds.stop <= one.seeds.start


def test_taken_seeds_follow_the_skipped_ones() -> None:
    assert take_seeds(SeedRange.HELD_OUT, 2, skip=3) == range(20_000_003, 20_000_005)


@pytest.mark.parametrize("purpose", SeedRange)
def test_first_and_last_seed_belong_to_their_range(purpose: SeedRange) -> None:
    assert purpose_of(purpose.seeds[0]) is purpose
    assert purpose_of(purpose.seeds[-1]) is purpose


def test_more_seeds_than_the_range_holds_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="a range holds 10000000"):
        take_seeds(SeedRange.DEMONSTRATION, 2, skip=9_999_999)


@pytest.mark.parametrize("seed", [-1, 50_000_000])
def test_a_seed_outside_every_range_is_refused(seed: int) -> None:
    with pytest.raises(ConfigurationError, match=f"Seed {seed} is in no range"):
        purpose_of(seed)
