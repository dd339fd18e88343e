"""Project settings of Kedro."""

import os
from typing import Any

from kedro.framework.hooks import hook_impl

from pivotrl_pipeline.caching.session import CachingSession
from pivotrl_pipeline.caching.viz import viz_hooks
from pivotrl_pipeline.errors import ConfigurationError

GRIDS = ("compare", "ablate")
"""Parameters that list what the pipelines are made of."""


class GridHook:
    """Pipelines listed in YAML depend on ``--env``, which Kedro does not tell them."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Says it as ``kedro ipython --env`` does, to worker processes too.

        Raises:
            ConfigurationError: If a runtime parameter is a grid's: its cells would stay
                those of the YAML files.
        """
        if context.env:
            os.environ["KEDRO_ENV"] = context.env
        for grid in sorted({*GRIDS} & {*(context._runtime_params or {})}):
            raise ConfigurationError(
                f"--params changes {grid!r}, which lists the cells of a grid and is "
                f"read from YAML alone; set it in conf/local/parameters_compare.yml, "
                f"or in an environment of its own with --env."
            )


SESSION_CLASS = CachingSession
HOOKS = (GridHook(), *viz_hooks())
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment holds what it changes and nothing else.
    "merge_strategy": {"parameters": "soft"},
}
