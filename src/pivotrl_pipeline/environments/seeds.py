"""Which seeds make what: ranges that cannot meet.

The policy is pretrained on one and shown trajectories from another; a third says which
of a training's weights are best, a fourth which of several trainings is, and the fifth
evaluates, so that no task is ever both learnt from and evaluated on.
"""

from enum import Enum

from pivotrl_pipeline.errors import ConfigurationError

RANGE_SIZE = 10_000_000


class SeedRange(Enum):
    """What a task or item is made for."""

    PRETRAINING = 0
    DEMONSTRATION = 1
    HELD_OUT = 2
    VALIDATION = 3
    TUNING = 4

    @property
    def seeds(self) -> range:
        """All seeds of the range."""
        start = self.value * RANGE_SIZE
        return range(start, start + RANGE_SIZE)


def take_seeds(purpose: SeedRange, count: int, *, skip: int = 0) -> range:
    """The ``count`` seeds of a range that follow its first ``skip``.

    Raises:
        ConfigurationError: If the range does not hold as many.
    """
    seeds = purpose.seeds[skip : skip + count]
    if len(seeds) != count:
        raise ConfigurationError(
            f"Seeds {skip} to {skip + count} of {purpose.name} were asked for, but a "
            f"range holds {RANGE_SIZE}; ask for fewer."
        )
    return seeds


def purpose_of(seed: int) -> SeedRange:
    """The range that holds the seed.

    Raises:
        ConfigurationError: If no range does.
    """
    for purpose in SeedRange:
        if seed in purpose.seeds:
            return purpose
    raise ConfigurationError(
        f"Seed {seed} is in no range; expected 0 to {len(SeedRange) * RANGE_SIZE - 1}."
    )
