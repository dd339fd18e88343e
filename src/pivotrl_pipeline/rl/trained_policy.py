"""The outcome of training: weights in memory, and how they become a policy folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.rl.metrics import MetricsRow

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import GenerationConfig


@dataclass(frozen=True, slots=True)
class TrainedPolicy:
    """New weights for the policy at ``source_location``."""

    state_dict: "Mapping[str, Tensor]"
    """On the CPU, in the type they were loaded in."""
    source_location: str
    """A path or hub id: where config, tokenizer and chat template come from."""
    metrics: Sequence[MetricsRow]
    """One row per update, as in `training_metrics`."""
    num_updates: int
    """Updates that these weights have seen; fewer than were made if an earlier state
    was better."""
    heldout_reward_mean: float | None
    """Of these weights; None where nothing was held out."""
    initial_heldout_reward_mean: float | None
    """Of the weights that training began with."""
    lineage: JsonObject = field(default_factory=dict)
    """What it was made from, as fingerprints; kept beside the weights."""


def write_policy_folder(trained: TrainedPolicy, folder: Path) -> None:
    """Writes a Hugging Face folder: safetensors, config, generation config, tokenizer.

    Equal weights from one source give equal bytes. The folder is filled in place:
    who needs it to appear at once writes beside and renames.

    Raises:
        PolicyError: If the source has no config or tokenizer, or its architecture has
            other weights than were trained.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source, weights = trained.source_location, dict(trained.state_dict)
    try:
        config = AutoConfig.from_pretrained(source)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{source!r} has no readable config and tokenizer ({error}); the trained "
            f"policy takes both from there: put them back."
        ) from error
    dtypes = {t.dtype for t in weights.values() if t.is_floating_point()}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtypes.pop())  # type: ignore[no-untyped-call]
    different = sorted(set(model.state_dict()) ^ set(weights))
    if different:
        raise PolicyError(
            f"The trained weights and the architecture at {source!r} differ in "
            f"{', '.join(map(repr, different[:5]))}; expected the same names: has the "
            f"source been replaced since training?"
        )
    generation_config = _load_generation_config(source)
    if generation_config is not None:
        model.generation_config = generation_config
    model.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)


def _load_generation_config(source: str) -> "GenerationConfig | None":
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(source)
    except OSError:
        return None
