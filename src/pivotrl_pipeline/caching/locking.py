"""One writing run at a time per project.

The lock is released by the system when its process dies. ``filelock`` is imported only
when there is something to run.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[bool]:
    """Holds the project's lock; tells whether another run had to be waited for."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lock")
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waited = True
        logger.info("Waiting for another run of this project to end.")
        lock.acquire()
    try:
        yield waited
    finally:
        lock.release()
