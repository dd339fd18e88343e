"""The project's commands: Kedro's ``run`` with the cache's options, and ``cache``."""

import functools
import logging
import re
from collections.abc import Callable

import click
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

from .caching.commands import cache_group, run_command
from .errors import PivotRLError

logger = logging.getLogger(__name__)

EXPECTED_ERRORS = (PivotRLError, ParameterValidationError, DatasetError)
"""What a user can mend: said in a message, without the way through our code."""
_PYDANTIC_NOISE = re.compile(
    r"Failed to instantiate \w+ for parameter '[^']*': |Value error, "
    r"|\s*\[type=[^\]]*\]|\n\s*For further information visit \S+"
)


def _say_plainly(command: click.Command) -> click.Command:
    """The same command; an expected error ends it with a message and exit code 1."""
    callback: Callable[..., object] = command.callback  # type: ignore[assignment]

    @functools.wraps(callback)
    def call(*args: object, **kwargs: object) -> object:
        try:
            return callback(*args, **kwargs)
        except EXPECTED_ERRORS as error:
            logger.debug("The error in full:", exc_info=True)
            message = _PYDANTIC_NOISE.sub("", str(error))
            raise click.ClickException(message) from error

    command.callback = call
    return command


run = _say_plainly(run_command())


@click.group(name="pivotrl_pipeline")
def cli() -> None:
    """Commands of pivotrl_pipeline."""


cli.add_command(run)
cli.add_command(cache_group)
