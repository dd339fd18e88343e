import pytest

from pivotrl_pipeline.formats.ingestion.splitting import assign_split
from pivotrl_pipeline.records.trajectories import Split


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_held_out_share_is_the_rate(rate: float) -> None:
    splits = [
        assign_split(f"task-{n}", seed=0, validation_rate=rate) for n in range(10_000)
    ]

    # the standard deviation of the share is at most sqrt(0.25 / 10,000) = 0.005
    assert splits.count(Split.VALIDATION) / 10_000 == pytest.approx(rate, abs=0.02)


def test_a_rate_of_zero_holds_nothing_out() -> None:
    splits = {assign_split(str(n), seed=0, validation_rate=0.0) for n in range(100)}

    assert splits == {Split.TRAIN}


def test_a_higher_rate_only_adds_tasks() -> None:
    tasks = [str(n) for n in range(1000)]

    def held_out(rate: float) -> set[str]:
        return {
            task
            for task in tasks
            if assign_split(task, seed=3, validation_rate=rate) is Split.VALIDATION
        }

    assert held_out(0.1) < held_out(0.3)


def test_seeds_give_independent_splits() -> None:
    tasks = [str(n) for n in range(10_000)]
    pairs = [
        {assign_split(task, seed=seed, validation_rate=0.5) for seed in (0, 1)}
        for task in tasks
    ]

    # independent halves agree on half of the tasks
    agreed = sum(len(pair) == 1 for pair in pairs)
    assert agreed / 10_000 == pytest.approx(0.5, abs=0.03)
