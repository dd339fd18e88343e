"""What a training depends on, as a digest: whether a checkpoint may be gone on from.

Anything in doubt counts: starting afresh costs time, going on from stale weights would
cost the truth.
"""

import hashlib
from typing import TYPE_CHECKING

from pivotrl_pipeline.policies.fingerprint import describe_arithmetic

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def fingerprint_training(parts: tuple[object, ...], model: "PreTrainedModel") -> str:
    """A digest of the parts, the initial weights and the arithmetic.

    Args:
        parts: Values whose ``repr`` says all of them; the code among them.
        model: With the initial weights.
    """
    import torch

    digest = hashlib.sha256()
    described = repr((describe_arithmetic(model), parts))
    digest.update(described.encode("utf-8", "surrogatepass"))
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
