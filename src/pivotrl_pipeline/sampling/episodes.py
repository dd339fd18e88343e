"""Whole episodes: a policy acts in an environment, many tasks advancing together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from pivotrl_pipeline.environments.base import Environment, EnvironmentTask, Episode
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.policies.base import Policy, Sample, SamplingSettings
from pivotrl_pipeline.records.messages import Action, Message
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.sampling.seeds import derive_seed


@dataclass(frozen=True, slots=True)
class SampledTurn:
    """One assistant turn as tokens, and what they say."""

    prompt_ids: tuple[int, ...]
    """The history before the turn, as the policy renders it."""
    sample: Sample
    action: Action


@dataclass(frozen=True, slots=True)
class EpisodeOutcome:
    """How one episode ended."""

    task: EnvironmentTask
    messages: tuple[Message, ...]
    """The whole history."""
    success: bool
    num_turns: int
    """Assistant turns taken."""
    turns: tuple[SampledTurn, ...] = ()
    """Each of them, where they were to be kept."""


@dataclass(frozen=True, slots=True)
class ValidationTasks:
    """Tasks that say which weights are better: neither trained nor evaluated on."""

    environment: Environment
    tasks: tuple[EnvironmentTask, ...]
    max_new_tokens: int
    """Per action."""
    max_prompt_tokens: int
    """An episode that grows longer ends, unsolved."""

    def describe(self) -> str:
        """All that success depends on beside the policy, equal in every process."""
        world = type(self.environment)
        limits = (self.max_new_tokens, self.max_prompt_tokens)
        return repr((world.__module__, world.__qualname__, self.tasks, limits))


def take_validation_tasks(
    environment: Environment,
    *,
    tier: str,
    count: int,
    max_new_tokens: int,
    max_prompt_tokens: int,
) -> ValidationTasks | None:
    """The first ``count`` of the tier's validation tasks; None where 0 are asked for.

    Raises:
        ConfigurationError: If the environment has no such tier.
    """
    if count == 0:
        return None
    seeds = take_seeds(SeedRange.VALIDATION, count)
    tasks = tuple(environment.tasks(tier=tier, seeds=seeds))
    return ValidationTasks(environment, tasks, max_new_tokens, max_prompt_tokens)


def measure_success(policy: Policy, validation: ValidationTasks) -> float:
    """The share of the tasks that the policy solves greedily.

    Raises:
        ConfigurationError: If there are no tasks.
    """
    if not validation.tasks:
        raise ConfigurationError(
            "There are no validation tasks to measure success on; expected at least "
            "one: raise the number of validation tasks."
        )
    settings = SamplingSettings(
        temperature=0.0, top_p=1.0, max_new_tokens=validation.max_new_tokens
    )
    outcomes = run_episodes(
        policy,
        validation.environment,
        validation.tasks,
        settings,
        max_prompt_tokens=validation.max_prompt_tokens,
        seed=0,
        has_progress_bar=False,
    )
    return sum(outcome.success for outcome in outcomes) / len(outcomes)


def run_episodes(
    policy: Policy,
    environment: Environment,
    tasks: Sequence[EnvironmentTask],
    settings: SamplingSettings,
    *,
    max_prompt_tokens: int,
    seed: int,
    keep_turns: bool = False,
    has_progress_bar: bool = True,
) -> list[EpisodeOutcome]:
    """One episode per task, in order; as many advance together as the policy can keep.

    A task that stands in the list several times is tried as often, with seeds of its
    own each time. The key-values of an episode are kept between its turns, so that a
    turn costs its own tokens only, and episodes share those of equal beginnings.

    Args:
        policy: Acts.
        environment: Opens the tasks.
        tasks: What is tried.
        settings: How actions are drawn.
        max_prompt_tokens: An episode whose history grows longer ends there.
        seed: Every turn derives its own from it.
        keep_turns: Whether outcomes carry the tokens of their turns.
        has_progress_bar: Whether a bar counts the episodes that have ended.
    """
    episodes = [environment.open(task) for task in tasks]
    streams = _name_streams(tasks)
    turns: list[list[SampledTurn]] = [[] for _ in tasks]
    active = list(range(len(tasks)))
    prompts: dict[int, list[int]] = {}
    cache = policy.open_cache()
    with tqdm(
        total=len(tasks), desc="episodes", unit="episode", disable=not has_progress_bar
    ) as progress:
        while active:
            for index in active:
                if index not in prompts:
                    state = State(episodes[index].messages, environment.tools)
                    prompts[index] = policy.render(state)
            active = [i for i in active if len(prompts[i]) <= max_prompt_tokens]
            num_moving = cache.count_fitting([prompts[i] for i in active], active)
            moving = active[:num_moving]
            samples = policy.sample(
                [prompts[index] for index in moving],
                [
                    [derive_seed(seed, *streams[i], episodes[i].num_turns)]
                    for i in moving
                ],
                settings,
                cache=cache,
                conversations=moving,
            )
            for index, (sample,) in zip(moving, samples, strict=True):
                text = policy.decode(sample.token_ids)
                action = policy.parse(text, environment.tools)
                episodes[index].act(action)
                if keep_turns:
                    turn = SampledTurn(tuple(prompts[index]), sample, action)
                    turns[index].append(turn)
                del prompts[index]
            cache.forget([index for index in moving if episodes[index].is_done])
            active = [index for index in active if not episodes[index].is_done]
            progress.update(len(tasks) - len(active) - progress.n)
    return [
        _to_outcome(task, episode, taken)
        for task, episode, taken in zip(tasks, episodes, turns, strict=True)
    ]


def _name_streams(tasks: Sequence[EnvironmentTask]) -> list[tuple[str | int, ...]]:
    """What each episode's seeds are derived from: its task, and which attempt it is."""
    attempts: Counter[str] = Counter()
    streams: list[tuple[str | int, ...]] = []
    for task in tasks:
        attempt = attempts[task.task_id]
        streams.append(
            (task.task_id, "attempt", attempt) if attempt else (task.task_id,)
        )
        attempts[task.task_id] += 1
    return streams


def _to_outcome(
    task: EnvironmentTask, episode: Episode, turns: Sequence[SampledTurn]
) -> EpisodeOutcome:
    return EpisodeOutcome(
        task,
        episode.messages,
        episode.is_done and episode.success,
        episode.num_turns,
        tuple(turns),
    )
