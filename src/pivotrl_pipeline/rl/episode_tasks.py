"""The tasks behind recorded trajectories, to be tried again in their world."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pivotrl_pipeline.environments.base import Environment, EnvironmentTask
from pivotrl_pipeline.environments.registry import ENVIRONMENTS, find_task
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.trajectories import Split, Trajectory
from pivotrl_pipeline.sampling.episodes import ValidationTasks, take_validation_tasks

REMEDY = (
    "Give each trajectory's metadata the `environment` and the `seed` of its task, and "
    "name a world of your own in pivotrl_pipeline.environments.registry.ENVIRONMENTS; "
    "rl_update and sft learn from recorded turns and need no environment, nor do "
    "compare and ablate where their judged_on is 'turns'."
)


@dataclass(frozen=True, slots=True)
class EpisodeTasks:
    """Tasks of one environment, each once."""

    environment: Environment
    tasks: tuple[EnvironmentTask, ...]


def find_training_tasks(trajectories: Iterable[Trajectory]) -> EpisodeTasks:
    """The tasks of the training split, in the order of their first trajectory.

    A task is called by the trajectories' own ``task_id``, which is what the split goes
    by: of several trajectories of one task the first opens it.

    Raises:
        ConfigurationError: If there are none, one names no environment that is known,
            or they name several.
    """
    tasks: dict[str, EnvironmentTask] = {}
    for trajectory in trajectories:
        if trajectory.split is Split.TRAIN and trajectory.task_id not in tasks:
            tasks[trajectory.task_id] = _find_task(trajectory)
    if not tasks:
        raise ConfigurationError(
            "There are no trajectories of the training split, so there is no task to "
            "try; expected at least one: lower ingestion.validation_rate, or see "
            "`rejected_trajectories`."
        )
    names = sorted({task.domain for task in tasks.values()})
    if len(names) > 1:
        raise ConfigurationError(
            f"The training trajectories name {len(names)} environments "
            f"({', '.join(names)}); expected one, whose episodes advance together: "
            f"ingest the trajectories of each apart."
        )
    return EpisodeTasks(ENVIRONMENTS[names[0]](), tuple(tasks.values()))


def find_validation_tasks(
    trajectories: Iterable[Trajectory],
    *,
    tier: str,
    count: int,
    max_new_tokens: int,
    max_prompt_tokens: int,
) -> ValidationTasks | None:
    """Validation tasks of the world that training trajectories come from.

    Returns:
        None where 0 are asked for: then trajectories need not name a world.

    Raises:
        ConfigurationError: As `find_training_tasks`, or if the world has no such tier.
    """
    if count == 0:
        return None
    return take_validation_tasks(
        find_training_tasks(trajectories).environment,
        tier=tier,
        count=count,
        max_new_tokens=max_new_tokens,
        max_prompt_tokens=max_prompt_tokens,
    )


def _find_task(trajectory: Trajectory) -> EnvironmentTask:
    try:
        task = find_task(trajectory.metadata)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"Trajectory {trajectory.trajectory_id!r}: its task cannot be tried again. "
            f"{error} {REMEDY}"
        ) from error
    return replace(task, task_id=trajectory.task_id)
