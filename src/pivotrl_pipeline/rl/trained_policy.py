"""The outcome of training: weights in memory, and how they become a policy folder."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.rl.metrics import MetricsRow

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

TOKENIZER_FILES = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "chat_template*",
)


@dataclass(frozen=True, slots=True)
class TrainedPolicy:
    """New weights for the policy at ``source_location``."""

    state_dict: "Mapping[str, Tensor]"
    """On the CPU, in the type they were loaded in."""
    source_location: str
    """The folder that config, tokenizer and chat template come from."""
    metrics: Sequence[MetricsRow]
    """One row per update, as in `training_metrics`."""
    num_updates: int
    """Updates that these weights have seen; fewer than were made if an earlier state
    was better."""
    score: float | None
    """Of these weights: what was measured to tell which are best, the higher the
    better; None where nothing was."""
    initial_score: float | None
    """Of the weights that training began with."""
    lineage: JsonObject = field(default_factory=dict)
    """What it was made from, as fingerprints; kept beside the weights."""


def write_policy_folder(trained: TrainedPolicy, folder: Path) -> None:
    """Writes a Hugging Face folder: safetensors, config, generation config, tokenizer.

    All but the weights is the source's, the tokenizer's files byte for byte, so that
    the trained policy reads and speaks as the initial one. Equal weights from one
    source give equal bytes. The folder is filled in place: who needs it to appear at
    once writes beside and renames.

    Raises:
        PolicyError: If the source has no config or tokenizer, or its architecture has
            other weights than were trained.
    """
    source = Path(trained.source_location)
    model = _build_model(source, trained.state_dict)
    tokenizer_files = _find_tokenizer_files(source)
    with _without_progress_bars():
        model.save_pretrained(folder)
    for file in tokenizer_files:
        shutil.copyfile(file, folder / file.name)


def _build_model(source: Path, weights: "Mapping[str, Tensor]") -> "PreTrainedModel":
    """The source's architecture around the weights, which are not copied."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{source}: no readable config ({error}); the trained policy takes all but "
            f"its weights from there: put the folder back."
        ) from error
    dtypes = {t.dtype for t in weights.values() if t.is_floating_point()}
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=dtypes.pop()
        )
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    found = {name: tensor.shape for name, tensor in weights.items()}
    different = sorted(name for name, _ in expected.items() ^ found.items())
    if different:
        raise PolicyError(
            f"{source}: the architecture and the trained weights differ in "
            f"{', '.join(map(repr, dict.fromkeys(different[:5])))}; expected the same "
            f"names and shapes: has the folder been replaced since training?"
        )
    model.load_state_dict(weights, assign=True)
    model.tie_weights()  # a tied weight is written once
    if (source / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(source)
    return model


def _find_tokenizer_files(source: Path) -> list[Path]:
    files = [path for pattern in TOKENIZER_FILES for path in source.glob(pattern)]
    if not any(
        path.name.startswith(("tokenizer.", "vocab.", "spiece.")) for path in files
    ):
        raise PolicyError(
            f"{source}: no tokenizer; expected one of {', '.join(TOKENIZER_FILES)}: "
            f"put it back, the trained policy takes it from there."
        )
    return files


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    from transformers.utils import logging

    were_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if were_enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
