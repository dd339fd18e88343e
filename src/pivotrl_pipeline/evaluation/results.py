"""One answered item, whatever suite it is of."""

from dataclasses import dataclass
from enum import StrEnum


class Suite(StrEnum):
    """Which family of tasks an item belongs to."""

    IN_DOMAIN = "in_domain"
    """The family of the training trajectories, on held-out tasks."""
    OUT_OF_DOMAIN = "out_of_domain"
    """Anything else the policy could do before."""
    VALIDATION = "validation"
    """As in-domain, on tasks that say which training was best and report nothing."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """One answered item."""

    policy: str
    suite: Suite
    task: str
    """The kind of item: a tier of the desk, a family of skills, a task of a suite that
    was named, with the suite's name before it."""
    item_id: str
    output: str
    """In-domain the assistant's messages as JSON text, else the answer."""
    score: float
    """In [0, 1]."""
    turns: int
    """Assistant turns taken."""
