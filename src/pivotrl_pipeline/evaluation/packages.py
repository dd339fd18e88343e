"""Suites that come with packages of their own, which need not be installed."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pivotrl_pipeline.errors import ConfigurationError

NUM_NEAR_NAMES = 5


@contextmanager
def imports_for_suite(suite: str, *, extra: str) -> Iterator[None]:
    """Imports inside that fail are an error that names the extra to install.

    Raises:
        ConfigurationError: If a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"ood_evaluation.suites.{suite}: {error.name} is not installed; call "
            f"`python3 install.py {extra}`, or leave the suite out."
        ) from error


def check_tasks(suite: str, tasks: Iterable[str], known: Iterable[str]) -> None:
    """Refuses a name that is not known, with those near it: there are thousands.

    Raises:
        ConfigurationError: Names the suite and the task.
    """
    names = sorted(set(known))
    for task in tasks:
        if task not in names:
            near = difflib.get_close_matches(task, names, NUM_NEAR_NAMES)
            hint = f"near it are {', '.join(near)}" if near else "nothing is near it"
            raise ConfigurationError(
                f"ood_evaluation.suites.{suite} names the task {task!r}, which is not "
                f"among the {len(names)} known ones; {hint}."
            )
