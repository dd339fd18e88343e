"""A folder whose content counts as a parameter."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import model_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters


class TaskFolder(FrozenParameters):
    """The path in YAML, and a digest of the files: the cache sees either change.

    Files elsewhere that a task names do not count; after a change of them say
    ``--refresh``. What begins with a dot does not count either.
    """

    path: str
    digest: str

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value or not Path(value).is_dir():
            raise ConfigurationError(
                f"There is no folder {value!r}; expected YAML tasks there: write the "
                f"path as seen from where the run starts, or null for none."
            )
        return {"path": value, "digest": _digest_files(Path(value))}


def _digest_files(folder: Path) -> str:
    """SHA-256 over the names and contents."""
    digest = hashlib.sha256()
    for path in sorted(_iterate_files(folder)):
        name = os.fsencode(path.relative_to(folder))
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        digest.update(b"%d:%b%b" % (len(name), name, content))
    return digest.hexdigest()


def _iterate_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [n for n in folders if n[0] != "." and n != "__pycache__"]
        yield from (Path(parent, name) for name in names if name[0] != ".")
