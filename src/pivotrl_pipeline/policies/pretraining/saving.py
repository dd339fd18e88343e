"""Saves a policy folder at once or not at all."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM


def save_policy(
    model: "Qwen3ForCausalLM", tokenizer: "PreTrainedTokenizerFast", folder: Path
) -> None:
    """Writes an ordinary Hugging Face folder: weights, configs, tokenizer, template.

    It is written beside ``folder`` and takes its place when complete, so a killed run
    leaves what was there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        complete, replaced = Path(name) / "complete", Path(name) / "replaced"
        model.save_pretrained(complete)
        tokenizer.save_pretrained(complete)
        if folder.exists():
            folder.replace(replaced)
        complete.replace(folder)
        shutil.rmtree(replaced, ignore_errors=True)
