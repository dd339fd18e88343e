"""Whole episodes: a policy acts in an environment, many tasks advancing together."""

from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from pivotrl_pipeline.environments.base import Environment, EnvironmentTask, Episode
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.records.messages import Message
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.sampling.seeds import derive_seed


@dataclass(frozen=True, slots=True)
class EpisodeOutcome:
    """How one episode ended."""

    task: EnvironmentTask
    messages: tuple[Message, ...]
    """The whole history."""
    success: bool
    num_turns: int
    """Assistant turns taken."""


@dataclass(frozen=True, slots=True)
class ValidationTasks:
    """Tasks that say which weights are better: neither trained nor evaluated on."""

    environment: Environment
    tasks: tuple[EnvironmentTask, ...]
    max_new_tokens: int
    """Per action."""
    max_prompt_tokens: int
    """An episode that grows longer ends, unsolved."""


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
) -> list[EpisodeOutcome]:
    """One episode per task, in order.

    The key-values of an episode are kept between its turns, so that a turn costs its
    own tokens only. An episode whose history grows past ``max_prompt_tokens`` ends
    there.
    """
    episodes = [environment.open(task) for task in tasks]
    active = list(range(len(tasks)))
    cache = policy.open_cache()
    with tqdm(total=len(tasks), desc="episodes", unit="episode") as progress:
        while active:
            prompts = {
                index: policy.render(State(episodes[index].messages, environment.tools))
                for index in active
            }
            active = [i for i in active if len(prompts[i]) <= max_prompt_tokens]
            samples = policy.sample(
                [prompts[index] for index in active],
                [
                    [derive_seed(seed, tasks[i].task_id, episodes[i].num_turns)]
                    for i in active
                ],
                settings,
                cache=cache,
                conversations=[tasks[index].task_id for index in active],
            )
            for index, (sample,) in zip(active, samples, strict=True):
                action = policy.parse(policy.decode(sample.token_ids))
                episodes[index].act(action)
            active = [index for index in active if not episodes[index].is_done]
            progress.update(len(tasks) - len(active) - progress.n)
    return [
        _to_outcome(task, episode)
        for task, episode in zip(tasks, episodes, strict=True)
    ]


def _to_outcome(task: EnvironmentTask, episode: Episode) -> EpisodeOutcome:
    return EpisodeOutcome(
        task,
        episode.messages,
        episode.is_done and episode.success,
        episode.num_turns,
    )
