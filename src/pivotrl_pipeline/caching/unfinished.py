"""Tells datasets that keep unfinished work which code is about to go on with it.

The checkpoints of a training may be gone on from only by the code that made them. A
dataset class of such a folder has a method ``use_code``: before a node runs, it is told
a digest of the code that the node reaches. That is no ingredient of the node's recipe,
which holds the code already. Where the code on disk need not be the code in memory, or
is not found, the digest is one that was never told before and never will be again.
"""

import uuid
from typing import Any

from kedro.pipeline.node import Node

from .cache import Cache
from .content import find_edited
from .values import UnstableValueError, digest_text


def tell_code(node: Node, cache: Cache, *, loaded_nanoseconds: int) -> None:
    """Tells the node's inputs that want to know.

    Args:
        node: About to run.
        cache: Of the run.
        loaded_nanoseconds: When the project's code was imported.
    """
    for name in cache.ports.inputs(node):
        dataset: Any = cache.catalog.get(name, fallback_to_runtime_pattern=True)
        if hasattr(dataset, "use_code"):
            symbol = getattr(dataset, "code_of", None)
            code = _digest(node, symbol, cache, loaded_nanoseconds)
            dataset.use_code(code or uuid.uuid4().hex)


def _digest(
    node: Node, symbol: str | None, cache: Cache, loaded_nanoseconds: int
) -> str | None:
    """Of one symbol's code, or of the node's with the versions beneath it."""
    try:
        if symbol is not None:
            code = cache.code.of_name(symbol)
            if symbol not in code.symbols:
                return None
            digest, files = code.digest, code.files
        else:
            recipe = cache.recipes.of(node)
            digest, files = recipe.code_digest, recipe.files
    except UnstableValueError:
        return None
    if find_edited(files, since_nanoseconds=loaded_nanoseconds) is not None:
        return None
    return digest_text("code", digest)
