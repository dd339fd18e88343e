"""Project settings of Kedro."""

from pivotrl_pipeline.caching.session import CachingSession

SESSION_CLASS = CachingSession
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
