"""The project's commands: Kedro's ``run`` with the cache's options, and ``cache``."""

import click

from .caching.commands import cache_group, run_command

run = run_command()


@click.group(name="pivotrl_pipeline")
def cli() -> None:
    """Commands of pivotrl_pipeline."""


cli.add_command(run)
cli.add_command(cache_group)
