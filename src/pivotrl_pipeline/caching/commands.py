"""``kedro run`` with the cache's options, and ``kedro cache``."""

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.cli.project import run as stock_run
from kedro.framework.cli.utils import env_option, split_string
from kedro.framework.project import pipelines, settings

from .collection import paused_collection
from .options import RunOptions, use_run_options

_RUN_OPTIONS = (
    click.Option(["--no-cache"], is_flag=True, help="Run every node; record nothing."),
    click.Option(
        ["--refresh"],
        multiple=True,
        metavar="NODE",
        help="Run this node whatever its receipt says; 'all' for every node.",
    ),
    click.Option(
        ["--verify"],
        is_flag=True,
        help="Hash every file again instead of trusting sizes and times.",
    ),
)


def run_command() -> click.Command:
    """Kedro's own ``run`` with ``--no-cache``, ``--refresh`` and ``--verify``."""

    @functools.wraps(stock_run.callback or (lambda: None))
    def run(**arguments: Any) -> Any:
        options = RunOptions(
            no_cache=arguments.pop("no_cache"),
            refresh=tuple(_names(arguments.pop("refresh"))),
            verify=arguments.pop("verify"),
        )
        one, several = arguments["pipeline"], arguments["pipelines"]
        if one and not several:  # the deprecated spelling, without its warning
            arguments |= {"pipeline": None, "pipelines": [one]}
        with use_run_options(options), paused_collection():
            return stock_run.callback(**arguments)  # type: ignore[misc]

    return click.Command(
        "run",
        params=[*stock_run.params, *_RUN_OPTIONS],
        callback=run,
        help=stock_run.help,
        context_settings=stock_run.context_settings,
    )


@click.group(name="cache")
def cache_group() -> None:
    """See and clear what runs skip."""


def _pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        env_option,
        click.option("--pipelines", default="", callback=split_string, metavar="NAMES"),
        click.option("--params", default="", metavar="KEY=VALUE,..."),
    ):
        command = option(command)
    return command


@cache_group.command()
@_pipeline_options
def status(env: str | None, pipelines: list[str], params: str) -> None:
    """Show what a run would do, and why."""
    from .report import describe_plan, describe_size

    with _opened(env, pipelines, params) as cache:
        if not cache.project.options.enabled:
            click.echo("The cache is off: cache.yml sets enabled to false.")
            return
        for line in describe_plan(cache.plan()):
            click.echo(line)
        runs, size = cache.store.size()
        click.echo(f"Previous outputs kept: {runs} runs, {describe_size(size)}.")


@cache_group.command()
@click.argument("node")
@_pipeline_options
def explain(node: str, env: str | None, pipelines: list[str], params: str) -> None:
    """Show everything that NODE's result depends on, and what changed."""
    from .report import describe_decision

    with _opened(env, pipelines, params) as cache:
        decisions = {d.node.name: d for d in cache.plan()}
        if node not in decisions:
            raise click.ClickException(
                f"No node {node!r}; choose from: {', '.join(sorted(decisions))}."
            )
        for line in describe_decision(decisions[node]):
            click.echo(line)


@cache_group.command()
@click.option("--env", "-e", default=None)
@click.argument("nodes", nargs=-1)
def clear(env: str | None, nodes: tuple[str, ...]) -> None:
    """Forget every receipt and previous output, or those of NODES."""
    from .locking import exclusive

    with _project(env) as project:
        if not project.folder.is_dir():
            return
        if not nodes:
            with exclusive(project.folder):
                for child in project.folder.iterdir():
                    _remove(child)
            return
    with _opened(env, [], "") as cache, exclusive(project.folder):
        keys = _keys(cache)
        for key in {key for name in nodes for key in keys.get(name, ())}:
            cache.receipts.remove(key)
            for file in project.folder.glob(f"store/previous/{key}-*.json"):
                file.unlink()
        unknown = sorted(set(nodes) - set(keys))
        if unknown:
            raise click.ClickException(f"No receipt of a node {unknown[0]!r}.")


@cache_group.command()
@click.option("--env", "-e", default=None)
def gc(env: str | None) -> None:
    """Drop previous outputs beyond the limit, and what no receipt needs."""
    from .content import Contents
    from .locking import exclusive
    from .memory import Memory
    from .report import describe_size
    from .store import Store

    with _project(env) as project:
        if not project.folder.is_dir():
            return
        with exclusive(project.folder):
            memory = Memory(project.folder / "memory.sqlite")
            limit = int(project.options.store_gigabytes * 1e9)
            store = Store(project.folder / "store", Contents(memory), limit)
            runs, size = store.shrink()
            memory.forget_stale()
            memory.close()
            click.echo(f"Previous outputs kept: {runs} runs, {describe_size(size)}.")


def _keys(cache: Any) -> dict[str, set[str]]:
    """Name of a node, now or when it ran → the receipts of its outputs."""
    receipts = cache.receipts.all()
    keys: dict[str, set[str]] = {}
    for key, receipt in receipts.items():
        keys.setdefault(receipt.node, set()).add(key)
    for node in (node for pipeline in pipelines.values() for node in pipeline.nodes):
        if cache.ports.key(node) in receipts:
            keys.setdefault(node.name, set()).add(cache.ports.key(node))
    return keys


def _remove(path: Any) -> None:
    if path.name == "lock":
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _project(env: str | None) -> Iterator[Any]:
    with settings.SESSION_CLASS.create(env=env) as session:
        session.load_context()
        yield session.cached_project()


@contextmanager
def _opened(env: str | None, names: list[str], params: str) -> Iterator[Any]:
    """The cache for the named pipelines."""
    from kedro.framework.cli.utils import _split_params
    from kedro.pipeline import Pipeline

    from .cache import Cache

    runtime = _split_params(None, None, params) if params else None  # type: ignore[arg-type]
    with settings.SESSION_CLASS.create(env=env, runtime_params=runtime) as session:
        catalog = session.load_context().catalog
        chosen = names or ["__default__"]
        unknown = sorted(set(chosen) - set(pipelines))
        if unknown:
            raise click.ClickException(
                f"--pipelines names {unknown[0]!r}, which is no pipeline; choose from: "
                f"{', '.join(sorted(pipelines))}."
            )
        pipeline = sum((pipelines[name] for name in chosen), Pipeline([]))
        cache = Cache(session.cached_project(), pipeline, catalog)
        try:
            yield cache
        finally:
            cache.memory.close()


def _names(values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        yield from (name.strip() for name in value.split(",") if name.strip())
