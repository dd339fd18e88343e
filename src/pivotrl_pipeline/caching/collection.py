"""No garbage collection while a command makes a run ready.

Importing and reading configuration make much that stays and little garbage, so looking
for garbage again and again is a tenth of what a run with nothing to do costs.
"""

import contextlib
import gc
from collections.abc import Iterator

_is_paused = False


@contextlib.contextmanager
def paused_collection() -> Iterator[None]:
    """Collects nothing inside the block, until `resume_collection`."""
    global _is_paused
    _is_paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        resume_collection()


def resume_collection() -> None:
    """Ends the pause, if there is one; what is there by then is not looked at again."""
    global _is_paused
    if _is_paused:
        gc.freeze()
        gc.enable()
    _is_paused = False
