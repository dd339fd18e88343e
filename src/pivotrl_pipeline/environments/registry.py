"""Which world a recorded trajectory came from, and how to open it again."""

from collections.abc import Callable, Mapping

from pivotrl_pipeline.environments.base import Environment, EnvironmentTask, Episode
from pivotrl_pipeline.environments.desk.environment import DOMAIN, OrderDesk
from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.records.messages import JsonObject

ENVIRONMENTS: Mapping[str, Callable[[], Environment]] = {DOMAIN: OrderDesk}
"""By the name under ``environment`` in a trajectory's metadata."""

_OWN_KEYS = frozenset({"environment", "kind", "seed"})


def find_task(metadata: JsonObject) -> EnvironmentTask:
    """The task that a trajectory's metadata names; its domain is the environment.

    Args:
        metadata: ``environment``, ``seed`` and the settings of the task.

    Raises:
        ConfigurationError: If there is no such environment, or no seed.
    """
    name, seed = metadata.get("environment"), metadata.get("seed")
    if name not in ENVIRONMENTS:
        raise ConfigurationError(
            f"The trajectory's metadata names the environment {name!r}; "
            f"{describe_choices(str(name), ENVIRONMENTS)}"
        )
    if not isinstance(seed, int):
        raise ConfigurationError(
            f"The trajectory's metadata has the seed {seed!r}; expected the integer "
            "seed of its task: add it, or do not replay this trajectory."
        )
    return EnvironmentTask(
        task_id=f"{name}/{seed}",
        domain=str(name),
        kind=str(metadata.get("kind", "")),
        seed=seed,
        settings={key: metadata[key] for key in metadata if key not in _OWN_KEYS},
    )


def open_from_metadata(metadata: JsonObject) -> Episode:
    """A fresh episode of the task that a trajectory's metadata names.

    Raises:
        ConfigurationError: If there is no such environment, or no seed.
    """
    task = find_task(metadata)
    return ENVIRONMENTS[task.domain]().open(task)
