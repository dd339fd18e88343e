"""What a policy's samples depend on beside prompts and seeds."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import PolicyError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

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


def describe_arithmetic(model: "PreTrainedModel") -> str:
    """What the last bits of log-probabilities depend on beside code and numbers.

    Libraries, number format, device and, on a CPU, its vector instructions and the
    number of threads: sums are taken in another order by another number of them.
    """
    import torch

    parts = [f"{name} {version(name)}" for name in ("numpy", "transformers")]
    parts.append(f"torch {torch.__version__}")  # names the build, as metadata may not
    parts += [str(model.dtype), model.device.type]
    if model.device.type == "cpu":
        parts += [torch.backends.cpu.get_cpu_capability(), platform.machine()]
        parts.append(f"{torch.get_num_threads()} threads")
    elif model.device.type == "cuda":
        parts.append(torch.cuda.get_device_name(model.device))
        parts.append(f"matmul {torch.get_float32_matmul_precision()}")
    return ", ".join(parts)


def _digest_file(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
