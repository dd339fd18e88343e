"""Shapes and dtypes of `rl` are checked while its tests run, not in use."""

from jaxtyping import install_import_hook

install_import_hook("pivotrl_pipeline.rl", "beartype.beartype")
