"""Project settings of Kedro."""

from pivotrl_pipeline.caching.session import CachingSession
from pivotrl_pipeline.caching.viz import viz_hooks

SESSION_CLASS = CachingSession
HOOKS = viz_hooks()
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment holds what it changes and nothing else.
    "merge_strategy": {"parameters": "soft"},
}
