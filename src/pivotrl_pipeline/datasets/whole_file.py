"""Files that are replaced as a whole or not at all."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_file(place: Path) -> Iterator[Path]:
    """A path beside ``place`` to write to; it takes the place when the block ends.

    If the block raises, the place keeps what it had and nothing is left beside it.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
