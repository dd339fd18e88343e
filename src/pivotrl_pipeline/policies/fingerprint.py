"""What a policy's samples depend on beside prompts and seeds, as one digest."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from pivotrl_pipeline.errors import PolicyError

LINEAGE_FILE = "lineage.json"
"""Says what a policy was made from; not part of what it is."""
_CHUNK_BYTES = 1 << 20


def fingerprint_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of a policy folder's files.

    Raises:
        PolicyError: If the folder is absent or empty.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise PolicyError(
            f"{folder}: no policy there; expected a folder with config.json, "
            f"safetensors and a tokenizer: check the catalog's `filepath`."
        )
    digest = hashlib.sha256()
    for path in files:
        if path.name != LINEAGE_FILE:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\x00")
            digest.update(_digest_file(path))
    return digest.hexdigest()


def fingerprint_engine() -> str:
    """SHA-256 over this package's sampling code and the versions beneath it.

    A mended engine samples anew rather than serve what the old one drew.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\x00" + path.read_bytes())
    for package in ("torch", "transformers", "tokenizers"):
        digest.update(f"{package} {version(package)}\n".encode())
    return digest.hexdigest()


def _digest_file(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
