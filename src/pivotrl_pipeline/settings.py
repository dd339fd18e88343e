"""Project settings of Kedro."""

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io.core import is_parameter

from pivotrl_pipeline.caching.session import CachingSession
from pivotrl_pipeline.caching.viz import viz_hooks
from pivotrl_pipeline.errors import ConfigurationError

logger = logging.getLogger(__name__)

MISSPELT = 0.8
"""Names at least so alike are taken for one another (`difflib`)."""
GRIDS = ("compare", "ablate")
"""Parameters that list what the pipelines are made of."""


class ConfigurationHook:
    """What Kedro does not do with a project's configuration."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Says to pipelines listed in YAML where the run's configuration is.

        Raises:
            ConfigurationError: If a runtime parameter is a grid's: its cells would stay
                those of the YAML files.
        """
        from pivotrl_pipeline.pipelines.cells import read_grids_from

        loader = context.config_loader
        source = Path(loader.conf_source)
        environments = (loader.base_env, loader.env or loader.default_run_env)
        folders = tuple(source / each for each in environments)
        # Grids cannot be read out of an archive: then they are the project's.
        if read_grids_from(folders if source.is_dir() else ()):
            pipelines.configure(f"{context._package_name}.pipeline_registry")
        for grid in sorted({*GRIDS} & {*(context._runtime_params or {})}):
            raise ConfigurationError(
                f"--params changes {grid!r}, which lists the cells of a grid and is "
                f"read from YAML alone; set it in conf/local/parameters_compare.yml, "
                f"or in an environment of its own with --env."
            )

    @hook_impl
    def after_catalog_created(self, conf_catalog: Mapping[str, object]) -> None:
        """Warns of entries that no pipeline uses and whose names seem misspelt.

        Such an entry takes nobody's place, and the run goes on with the entry that it
        was meant for.
        """
        used = {name for each in pipelines.values() for name in each.datasets()}
        used = {name for name in used if not is_parameter(name)}
        for entry in sorted(conf_catalog.keys() - used):
            near = get_close_matches(entry, used, n=1, cutoff=MISSPELT)
            # A pattern, or a variant of the user's own: `pivots_2`, `my_pivots`.
            if not near or "{" in entry or near[0] in entry:
                continue
            logger.warning(
                "The catalog entry %r is used by no pipeline; did you mean %r?",
                entry,
                near[0],
            )


SESSION_CLASS = CachingSession
HOOKS = (ConfigurationHook(), *viz_hooks())
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment holds what it changes and nothing else.
    "merge_strategy": {"parameters": "soft"},
}
