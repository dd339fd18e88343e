"""Makes the policy in the box: tokenizer, curriculum, updates."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pivotrl_pipeline.environments.desk.transcripts import Noise
from pivotrl_pipeline.parameters.pretrain import PretrainParameters, StageParameters
from pivotrl_pipeline.policies.pretraining.batches import Batch
from pivotrl_pipeline.policies.pretraining.corpus import (
    Document,
    draw_sources,
    make_conversation,
    make_documents,
    render_text,
)
from pivotrl_pipeline.policies.pretraining.model import make_model
from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer
from pivotrl_pipeline.policies.pretraining.training import (
    Pretrainer,
    UpdateMetrics,
    iterate_batches,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM


@dataclass(frozen=True)
class PretrainedPolicy:
    """What pretraining leaves."""

    model: "Qwen3ForCausalLM"
    tokenizer: "PreTrainedTokenizerFast"
    metrics: tuple[UpdateMetrics, ...]


def make_tokenizer(parameters: PretrainParameters) -> "PreTrainedTokenizerFast":
    """A tokenizer for the words of the corpus."""
    template_only = train_tokenizer([], min_frequency=1)
    shares = {"short": 0.4, "long": 0.2, "skill": 0.2, "drill": 0.2}
    sources = draw_sources(parameters.tokenizer.num_documents, shares, first_seed=0)
    noise = _make_noise(parameters)
    texts = [
        render_text(make_conversation(source, seed, noise), template_only)
        for source, seed in sources
    ]
    return train_tokenizer(texts, min_frequency=parameters.tokenizer.min_frequency)


def pretrain_policy(
    parameters: PretrainParameters,
    tokenizer: "PreTrainedTokenizerFast",
    on_update: Callable[["Qwen3ForCausalLM", UpdateMetrics], None] | None = None,
) -> PretrainedPolicy:
    """Trains through all stages of the curriculum.

    Args:
        parameters: Seeds, sizes, noise, stages and learning rates.
        tokenizer: Of the policy.
        on_update: Called after each update.
    """
    import torch

    torch.set_num_threads(parameters.num_threads)
    batches = _make_batches(parameters, tokenizer)
    model = make_model(parameters.model, tokenizer, seed=parameters.seed)
    trainer = Pretrainer(model, parameters.optimizer, num_updates=len(batches))
    metrics = []
    with tqdm(total=len(batches), desc="pretrain_policy", unit="update") as bar:
        for batch in batches:
            metrics.append(trainer.update(batch))
            bar.update()
            bar.set_postfix(
                loss=f"{metrics[-1].loss:.3f}",
                tokens_per_second=round(_tokens_per_second(metrics[-50:])),
            )
            if on_update is not None:
                on_update(model, metrics[-1])
    return PretrainedPolicy(model, tokenizer, tuple(metrics))


def _tokens_per_second(metrics: list[UpdateMetrics]) -> float:
    return sum(m.num_tokens for m in metrics) / sum(m.seconds for m in metrics)


def _make_batches(
    parameters: PretrainParameters, tokenizer: "PreTrainedTokenizerFast"
) -> list[Batch]:
    """All batches of all stages in order; no two stages share a seed."""
    starts = accumulate((stage.num_documents for stage in parameters.stages), initial=0)
    batches: list[Batch] = []
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for start, stage in zip(starts, parameters.stages, strict=False):
            documents = _write_documents(parameters, stage, start, Path(folder))
            batches += iterate_batches(
                documents,
                batch_tokens=stage.batch_tokens,
                other_weight=parameters.optimizer.other_weight,
                padding=int(tokenizer.pad_token_id),
                seed=parameters.seed + start,
            )
    return batches


def _write_documents(
    parameters: PretrainParameters, stage: StageParameters, start: int, folder: Path
) -> list[Document]:
    sources = draw_sources(stage.num_documents, stage.share_by_source, first_seed=start)
    documents = make_documents(
        sources,
        _make_noise(parameters),
        folder,
        num_processes=parameters.num_processes,
    )
    bar = tqdm(documents, desc="write_documents", total=len(sources), unit="document")
    return list(bar)


def _make_noise(parameters: PretrainParameters) -> Noise:
    return Noise(**parameters.noise.model_dump())
