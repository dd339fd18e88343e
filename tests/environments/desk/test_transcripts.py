"""Noisy transcripts: where a careless clerk errs, and where it does not."""

from collections import Counter

import pytest

from pivotrl_pipeline.environments.desk import OrderDesk, transcripts
from pivotrl_pipeline.environments.desk.expert import Habits
from pivotrl_pipeline.environments.desk.records import Kind
from pivotrl_pipeline.environments.desk.transcripts import (
    TEMPTATIONS,
    Noise,
    write_demonstration,
    write_noisy_transcript,
)
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds

SEEDS = take_seeds(SeedRange.PRETRAINING, 200)
SILENCE = Noise(0, 0, 0, 0)


def test_without_noise_the_clerk_is_the_expert() -> None:
    tasks = OrderDesk().tasks(tier="short", seeds=SEEDS[:40])

    for task in tasks:
        noisy = write_noisy_transcript(task, SILENCE)
        assert noisy == write_demonstration(task).messages


def test_a_noisy_transcript_depends_on_the_task_alone() -> None:
    (task,) = OrderDesk().tasks(tier="long", seeds=SEEDS[:1])
    noise = Noise(1, 0.5, 0.5, 0.5)

    assert write_noisy_transcript(task, noise) == write_noisy_transcript(task, noise)


@pytest.mark.parametrize("habit", {each.habit for each in TEMPTATIONS.values()})
def test_every_temptation_is_a_habit(habit: str) -> None:
    assert getattr(Habits(), habit) is False


def test_the_wrong_way_is_the_likelier_one_where_there_is_a_temptation() -> None:
    assert all(0.55 <= each.rate <= 0.75 for each in TEMPTATIONS.values())


def test_every_kind_keeps_a_wording_without_temptation() -> None:
    sound = Counter(
        kind
        for kind in Kind
        for wording in range(5)
        if (kind, wording) not in TEMPTATIONS
    )

    assert set(sound) == set(Kind)


def test_variations_of_style_leave_every_task_done() -> None:
    noise = Noise(temptation_scale=0, variation_rate=0.5, style_rate=0.5, slip_rate=0.0)
    tasks = OrderDesk().tasks(tier="short", seeds=SEEDS)

    for task in tasks:
        rng = transcripts.random.Random(task.seed)
        assert transcripts._write(task, rng, noise).success


def test_slips_are_answered_and_mended() -> None:
    noise = Noise(temptation_scale=0, variation_rate=0, style_rate=0, slip_rate=1.0)
    (task,) = OrderDesk().tasks(tier="short", seeds=[0])

    rng = transcripts.random.Random(0)
    episode = transcripts._write(task, rng, noise)

    assert episode.success
    assert episode.num_turns == 2 * (write_demonstration(task).num_turns - 1) + 1
