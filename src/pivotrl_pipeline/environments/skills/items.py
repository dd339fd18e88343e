"""Items of the skill families by seed, and their scores."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from pivotrl_pipeline.environments.skills.families import FAMILIES
from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.records.messages import Message, Role


@dataclass(frozen=True, slots=True)
class SkillItem:
    """One question."""

    item_id: str
    family: str
    messages: tuple[Message, ...]
    """A single user message; no tools."""
    answer: str


def skill_families() -> tuple[str, ...]:
    """Names of the families, sorted."""
    return tuple(sorted(FAMILIES))


def make_skill_items(family: str, seeds: Sequence[int]) -> list[SkillItem]:
    """One item per seed.

    Raises:
        ConfigurationError: If there is no such family.
    """
    if family not in FAMILIES:
        raise ConfigurationError(
            f"Unknown skill family {family!r}; {describe_choices(family, FAMILIES)}"
        )
    return [_make_item(family, seed) for seed in seeds]


def score_skill_answer(item: SkillItem, text: str) -> float:
    """1 if the stripped text is the answer, else 0."""
    return float(text.strip() == item.answer)


def _make_item(family: str, seed: int) -> SkillItem:
    question, answer = FAMILIES[family](random.Random(f"{family} {seed}"))
    message = Message(Role.USER, question)
    return SkillItem(f"{family}/{seed}", family, (message,), answer)
