"""A folder whose content counts as a parameter."""

import hashlib
from pathlib import Path

from pydantic import model_validator

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.base import FrozenParameters


class TaskFolder(FrozenParameters):
    """The path in YAML, and a digest of the files: the cache sees either change."""

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
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            name = path.relative_to(folder).as_posix()
            digest.update(f"{len(name)} {name} {content}".encode())
    return digest.hexdigest()
