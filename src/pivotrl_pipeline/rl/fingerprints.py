"""What an update depends on, as a digest: whether a checkpoint may be gone on from.

Anything in doubt counts. Another line of code in the layers that an update reaches, or
in the verifier's module, is another update: starting afresh costs time, going on from
stale weights would cost the truth.
"""

import hashlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pivotrl_pipeline

if TYPE_CHECKING:
    from transformers import PreTrainedModel


REACHED_PACKAGES = (
    "environments",
    "formats",
    "parameters",
    "policies",
    "records",
    "rl",
    "sampling",
    "verifiers",
)


def fingerprint_update(
    parts: tuple[object, ...], verifier_type: type, model: "PreTrainedModel"
) -> str:
    """A digest of code, initial weights and the parts.

    Args:
        parts: Values whose ``repr`` says all of them.
        verifier_type: Its module may lie outside this package.
        model: With the initial weights.
    """
    import torch
    import transformers

    digest = hashlib.sha256()
    versions = (torch.__version__, transformers.__version__, model.device.type)
    digest.update(repr((versions, parts)).encode("utf-8", "surrogatepass"))
    digest.update(f"{verifier_type.__module__}.{verifier_type.__qualname__}".encode())
    for path in _find_sources(verifier_type):
        digest.update(path.read_bytes())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _find_sources(verifier_type: type) -> list[Path]:
    root = Path(pivotrl_pipeline.__file__).parent
    sources = [
        path
        for package in REACHED_PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    ]
    try:
        return [*sources, Path(inspect.getfile(verifier_type))]
    except (OSError, TypeError):  # defined in an interactive session
        return sources
