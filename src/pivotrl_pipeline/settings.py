"""Project settings of Kedro."""

import os
from typing import Any

from kedro.framework.hooks import hook_impl

from pivotrl_pipeline.caching.session import CachingSession
from pivotrl_pipeline.caching.viz import viz_hooks


class EnvironmentHook:
    """Pipelines listed in YAML depend on ``--env``, which Kedro does not tell them."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Says it as ``kedro ipython --env`` does, to worker processes too."""
        if context.env:
            os.environ["KEDRO_ENV"] = context.env


SESSION_CLASS = CachingSession
HOOKS = (EnvironmentHook(), *viz_hooks())
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment holds what it changes and nothing else.
    "merge_strategy": {"parameters": "soft"},
}
