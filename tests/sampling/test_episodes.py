"""Whole episodes in a world where the right answer is the task's number."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tests.fakes import ScriptedPolicy

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.seeds import SeedRange, purpose_of, take_seeds
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.messages import Action, Message, Role, Tool
from pivotrl_pipeline.sampling.episodes import ValidationTasks, measure_success


@dataclass
class _Question:
    number: int
    messages: tuple[Message, ...] = ()
    success: bool = False
    is_done: bool = False
    num_turns: int = 0

    def __post_init__(self) -> None:
        self.messages = (Message(Role.USER, str(self.number)),)

    def act(self, action: Action) -> None:
        self.num_turns += 1
        self.is_done = True
        self.success = action.content == str(self.number)

    def state_digest(self) -> str:
        return str(self.number)


@dataclass
class _Numbers:
    tools: tuple[Tool, ...] = ()
    opened: list[str] = field(default_factory=list)

    def open(self, task: EnvironmentTask) -> _Question:
        self.opened.append(task.task_id)
        return _Question(task.seed % 10)

    def tasks(self, *, tier: str, seeds: Sequence[int]) -> list[EnvironmentTask]:
        return [
            EnvironmentTask(f"{tier}/{seed}", "numbers", "", seed) for seed in seeds
        ]


POLICY = ScriptedPolicy({"0": ["0"], "1": ["no"], "2": ["2"], "3": ["3"]})


def _make_validation(count: int, *, max_prompt_tokens: int = 9) -> ValidationTasks:
    world = _Numbers()
    seeds = take_seeds(SeedRange.VALIDATION, count)
    tasks = tuple(world.tasks(tier="short", seeds=seeds))
    return ValidationTasks(world, tasks, 4, max_prompt_tokens)


def test_success_is_the_share_of_tasks_solved() -> None:
    assert measure_success(POLICY, _make_validation(4)) == 0.75


def test_an_episode_too_long_to_sample_is_unsolved() -> None:
    assert measure_success(POLICY, _make_validation(4, max_prompt_tokens=1)) == 0.0


def test_validation_tasks_are_neither_trained_nor_evaluated_on() -> None:
    seeds = {task.seed for task in _make_validation(3).tasks}

    assert {purpose_of(seed) for seed in seeds} == {SeedRange.VALIDATION}


def test_nothing_to_measure_on_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        measure_success(POLICY, _make_validation(0))
