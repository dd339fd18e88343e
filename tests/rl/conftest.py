"""Shapes and dtypes are checked while the tests of `rl` run, and not in use."""

from jaxtyping import install_import_hook

MODULES_WITH_TENSORS = [
    f"pivotrl_pipeline.rl.{name}" for name in ("advantages", "batches", "loss")
]
install_import_hook(MODULES_WITH_TENSORS, "beartype.beartype")
