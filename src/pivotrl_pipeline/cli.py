"""The project's commands: Kedro's ``run`` with the cache's options, and ``cache``."""

import difflib
import errno
import functools
import logging
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import click
import yaml  # type: ignore[import-untyped]
from kedro.config import MissingConfigException
from kedro.framework.project import pipelines, settings
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.validation.exceptions import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException

from .caching.commands import cache_group, run_command
from .errors import PivotRLError, describe_choices

logger = logging.getLogger(__name__)

EXPECTED_ERRORS = (
    PivotRLError,
    ParameterValidationError,
    DatasetError,
    OmegaConfBaseException,
)
"""What a user can mend: said in a message, without the way through our code."""
_DISK_ERRORS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EDQUOT, errno.EFBIG, errno.ENOSPC),
}
_NOISE = re.compile(
    r"Failed to instantiate \w+ for parameter '[^']*': |Value error, "
    r"|\s*\[type=.*\](?=\n|$)|\n\s*For further information visit \S+"
    r"|\n\s*object_type=\w+|(?<=[^.]\.)\.(?=\n)|^\s+"
)
_UNREADABLE_FILE = re.compile(r"Invalid YAML or JSON file (?P<file>.*), unable to read")
_RUNNERS = ("ParallelRunner", "SequentialRunner", "ThreadRunner")
_MOST_CHOICES = 20


def _say_plainly(command: click.Command) -> click.Command:
    """The same command; an expected error ends it with a message and exit code 1."""
    callback: Callable[..., object] = command.callback  # type: ignore[assignment]

    @functools.wraps(callback)
    def call(**arguments: Any) -> object:
        try:
            return callback(**arguments)
        except EXPECTED_ERRORS as error:
            logger.debug("The error in full:", exc_info=True)
            raise click.ClickException(_NOISE.sub("", str(error))) from error
        except OSError as error:
            if error.errno not in _DISK_ERRORS:
                raise
            logger.debug("The error in full:", exc_info=True)
            raise click.ClickException(
                f"{error}; make room there or let it be written to, and run again: "
                f"what is done is kept."
            ) from error
        except yaml.MarkedYAMLError as error:
            logger.debug("The error in full:", exc_info=True)
            raise click.ClickException(_describe_unreadable(error)) from error
        except (ValueError, AttributeError, MissingConfigException) as error:
            logger.debug("The error in full:", exc_info=True)
            if str(error).startswith("Duplicate keys found in"):
                raise click.ClickException(f"{error}; keep one of each.") from error
            wrong = next(_find_wrong_names(arguments), None)
            if wrong is None:
                raise
            raise click.ClickException(wrong) from error

    command.callback = call
    return command


def _describe_unreadable(error: yaml.MarkedYAMLError) -> str:
    """Where a file is not YAML; Kedro counts its lines from 0 and leaves out why."""
    told, cause = _UNREADABLE_FILE.match(str(error)), error.__cause__
    if told is None or not isinstance(cause, yaml.MarkedYAMLError):
        return str(error)
    mark = cause.problem_mark
    return (
        f"{told['file']}, line {mark.line + 1}, column {mark.column + 1}: "
        f"{cause.problem}; expected YAML: look at the indentation, colons and quotes "
        f"there and in the line above."
    )


def _find_wrong_names(arguments: dict[str, Any]) -> Iterator[str]:
    """What the options of a command name that is not there, in words."""
    folder = Path(arguments.get("conf_source") or Path.cwd() / settings.CONF_SOURCE)
    environments = {child.name for child in folder.glob("*") if child.is_dir()}
    if arguments.get("env"):
        kind = f"folder of {folder}"
        yield from _find_wrong_name("env", kind, [arguments["env"]], environments)
    if "runner" not in arguments:
        return
    runner = arguments["runner"]
    if runner and "." not in runner:
        yield from _find_wrong_name("runner", "runner of Kedro's", [runner], _RUNNERS)
    pipelines.set_requested(None)
    registered = dict(pipelines)
    names = arguments["pipelines"] or [arguments["pipeline"] or "__default__"]
    yield from _find_wrong_name("pipelines", "pipeline", names, registered)
    pipeline = sum((registered[name] for name in names), Pipeline([]))
    of_run = f"of {', '.join(map(repr, sorted(names)))}"
    for option, kind, wanted, known in (
        ("nodes", "node", arguments["node_names"], _node_names(pipeline)),
        ("from-nodes", "node", arguments["from_nodes"], _node_names(pipeline)),
        ("to-nodes", "node", arguments["to_nodes"], _node_names(pipeline)),
        ("refresh", "node", arguments["refresh"], {*_node_names(pipeline), "all"}),
        ("from-inputs", "dataset", arguments["from_inputs"], pipeline.datasets()),
        ("to-outputs", "dataset", arguments["to_outputs"], pipeline.datasets()),
        ("tags", "tag", arguments["tags"], {t for n in pipeline.nodes for t in n.tags}),
        ("namespaces", "namespace", arguments["namespaces"], _namespaces(pipeline)),
    ):
        yield from _find_wrong_name(option, f"{kind} {of_run}", wanted, known)
    chosen = [o for o in ("tags", "node_names", "namespaces") if arguments[o]]
    if len(chosen) > 1 or arguments["from_nodes"] or arguments["to_nodes"]:
        yield (
            f"The options together choose no node {of_run}: a node must fit all of "
            "them; leave one out."
        )


def _find_wrong_name(
    option: str, kind: str, wanted: Collection[str], known: Collection[str]
) -> Iterator[str]:
    for name in wanted:
        if name not in known:
            yield f"--{option} names {name!r}, which is no {kind}; " + _choices(
                name, known
            )


def _choices(name: str, known: Collection[str]) -> str:
    """All of them, or the nearest where they are many."""
    if not known:
        return "there is none: leave the option out."
    if len(known) <= _MOST_CHOICES:
        return describe_choices(name, known)
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.0)
    return f"the nearest of {len(known)} are {', '.join(near)}."


def _node_names(pipeline: Pipeline) -> set[str]:
    return {node.name for node in pipeline.nodes}


def _namespaces(pipeline: Pipeline) -> set[str]:
    """Inner and outer ones."""
    parts = [(node.namespace or "").split(".") for node in pipeline.nodes]
    found = {".".join(p[: i + 1]) for p in parts for i in range(len(p))}
    return found - {""}


run = _say_plainly(run_command())


@click.group(name="pivotrl_pipeline")
def cli() -> None:
    """Commands of pivotrl_pipeline."""


for command in cache_group.commands.values():
    _say_plainly(command)
cli.add_command(run)
cli.add_command(cache_group)
