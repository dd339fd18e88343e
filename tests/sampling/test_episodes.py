"""Whole episodes in a world where the right answer is the task's number."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import pytest
from tests.fakes import ForgetfulCache, ScriptedPolicy

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.seeds import SeedRange, purpose_of, take_seeds
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.policies.base import Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action, Message, Role, Tool
from pivotrl_pipeline.sampling.episodes import (
    EpisodeOutcome,
    ValidationTasks,
    measure_success,
    run_episodes,
    take_validation_tasks,
)


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


def test_validation_tasks_are_taken_where_they_are_asked_for() -> None:
    def take(count: int) -> ValidationTasks | None:
        return take_validation_tasks(
            _Numbers(), tier="short", count=count, max_new_tokens=4, max_prompt_tokens=9
        )

    taken = take(4)

    assert taken == _make_validation(4)
    assert taken.describe() == _make_validation(4).describe()
    assert taken.describe() != _make_validation(3).describe()
    assert take(0) is None


@dataclass
class _RecordingPolicy(ScriptedPolicy):
    """Notes the seeds and conversations that it is called with."""

    seeds: list[int] = field(default_factory=list)
    conversations: list[Hashable] = field(default_factory=list)

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
        *,
        conversations: Sequence[Hashable] = (),
        **_: object,
    ) -> list[list[Sample]]:
        self.seeds += [seed for of_prompt in seeds for seed in of_prompt]
        self.conversations += conversations
        return super().sample(prompts, seeds, settings)


def _run(
    policy: ScriptedPolicy, seeds: Sequence[int], *, keep_turns: bool
) -> list[EpisodeOutcome]:
    world = _Numbers()
    return run_episodes(
        policy,
        world,
        world.tasks(tier="short", seeds=seeds),
        SamplingSettings(1.0, 1.0, 4),
        max_prompt_tokens=9,
        seed=0,
        keep_turns=keep_turns,
        has_progress_bar=False,
    )


def test_each_attempt_at_a_task_has_seeds_and_a_conversation_of_its_own() -> None:
    repeated, single = _RecordingPolicy(POLICY.script), _RecordingPolicy(POLICY.script)

    _run(repeated, [1, 1, 2, 1], keep_turns=False)
    _run(single, [1, 2], keep_turns=False)

    assert len(set(repeated.seeds)) == 4
    assert len(set(repeated.conversations)) == 4
    assert [repeated.seeds[0], repeated.seeds[2]] == single.seeds


class _PairsCache(ForgetfulCache):
    def count_fitting(
        self, prompts: Sequence[Sequence[int]], conversations: Sequence[Hashable]
    ) -> int:
        return min(2, len(prompts))


class _PairsPolicy(ScriptedPolicy):
    def open_cache(self) -> _PairsCache:
        return _PairsCache()


def test_no_more_episodes_advance_than_the_policy_can_keep() -> None:
    policy = _PairsPolicy(POLICY.script, calls=[])

    outcomes = _run(policy, [0, 1, 2, 3, 0], keep_turns=False)

    assert policy.calls == [2, 2, 1]
    assert outcomes == _run(POLICY, [0, 1, 2, 3, 0], keep_turns=False)


def test_turns_carry_the_tokens_that_were_sampled_where_they_are_to_be_kept() -> None:
    (kept,) = _run(POLICY, [2], keep_turns=True)
    (dropped,) = _run(POLICY, [2], keep_turns=False)

    (turn,) = kept.turns
    assert turn.prompt_ids == (ord("2"), ord("\n"))
    assert turn.sample.token_ids == (ord("2"),)
    assert turn.sample.logprobs == (-0.5,)
    assert turn.action == Action(content="2")
    assert dropped.turns == ()
    assert (kept.messages, kept.success) == (dropped.messages, dropped.success)
