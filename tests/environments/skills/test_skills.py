"""The skills: their items, answers and scores."""

import random

import pytest

from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.environments.skills import (
    make_skill_items,
    score_skill_answer,
    skill_families,
)
from pivotrl_pipeline.environments.skills.families import FAMILIES
from pivotrl_pipeline.errors import ConfigurationError

SEEDS = take_seeds(SeedRange.HELD_OUT, 50)


def test_there_are_ten_families_in_order() -> None:
    assert len(skill_families()) == 10
    assert list(skill_families()) == sorted(FAMILIES)


@pytest.mark.parametrize("family", skill_families())
def test_an_item_depends_on_its_seed_alone(family: str) -> None:
    items = make_skill_items(family, SEEDS)

    assert items == make_skill_items(family, list(SEEDS))
    assert items[7:9] == make_skill_items(family, SEEDS[7:9])
    assert len({item.messages[0].content for item in items}) > 25


@pytest.mark.parametrize("family", skill_families())
def test_an_item_is_a_single_user_message(family: str) -> None:
    (item,) = make_skill_items(family, SEEDS[:1])

    assert item.item_id == f"{family}/20000000"
    assert [message.role.value for message in item.messages] == ["user"]


@pytest.mark.parametrize("family", skill_families())
def test_only_the_answer_scores_and_space_around_it_is_ignored(family: str) -> None:
    (item,) = make_skill_items(family, SEEDS[:1])

    assert score_skill_answer(item, f" {item.answer}\n") == 1.0
    assert score_skill_answer(item, f"{item.answer} {item.answer}") == 0.0
    assert score_skill_answer(item, "") == 0.0


class Scripted(random.Random):
    """Draws the numbers and samples it is given."""

    def __init__(self, *draws: object) -> None:
        super().__init__()
        self._draws = list(draws)

    def randint(self, a: int, b: int) -> int:
        draw = self._draws.pop(0)
        assert isinstance(draw, int)
        assert a <= draw <= b
        return draw

    def sample(self, population: object, k: int, *, counts: object = None) -> list:  # type: ignore[type-arg,override]
        draw = self._draws.pop(0)
        assert isinstance(draw, list)
        assert len(draw) == k
        return draw


@pytest.mark.parametrize(
    ("family", "draws", "question", "answer"),
    [
        ("add", (7, 15), "add: 7 + 15", "22"),
        ("subtract", (4, 19), "subtract: 19 - 4", "15"),
        ("sort", ([9, 0, 4, 2],), "sort: 9 0 4 2", "0 2 4 9"),
        ("reverse", (list("hbad"),), "reverse: h b a d", "d a b h"),
        ("maximum", ([3, 8, 1, 5],), "maximum: 3 8 1 5", "8"),
        ("minimum", ([3, 8, 1, 5],), "minimum: 3 8 1 5", "1"),
        ("continue_sequence", (3, 4), "next: 3 7 11", "15"),
        (
            "last",
            (["sun", "moon", "rain", "leaf"],),
            "last: sun moon rain leaf",
            "leaf",
        ),
    ],
)
def test_answers_by_hand(
    family: str, draws: tuple[object, ...], question: str, answer: str
) -> None:
    assert FAMILIES[family](Scripted(*draws)) == (question, answer)


@pytest.mark.parametrize("seed", range(20))
def test_counts_and_doubles_are_what_is_in_the_question(seed: int) -> None:
    counting, number = FAMILIES["count"](random.Random(seed))
    letter, letters = counting.removeprefix("count ").split(": ")
    repeating, double = FAMILIES["duplicate"](random.Random(seed))
    five = repeating.removeprefix("twice: ").split()

    assert int(number) == sum(each == letter for each in letters.split())
    assert [each for each in set(five) if five.count(each) == 2] == [double]


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'reverse'"):
        make_skill_items("revers", SEEDS)
