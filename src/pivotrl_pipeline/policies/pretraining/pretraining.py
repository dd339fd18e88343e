"""Makes the policy in the box: tokenizer, curriculum, updates."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from tqdm import tqdm

from pivotrl_pipeline.environments.desk.transcripts import Noise
from pivotrl_pipeline.parameters.pretrain import PretrainParameters, StageParameters
from pivotrl_pipeline.policies.pretraining.batches import plan_batches
from pivotrl_pipeline.policies.pretraining.chat_template import END_OF_TEXT
from pivotrl_pipeline.policies.pretraining.corpus import (
    SOURCES,
    Document,
    draw_sources,
    encode_document,
    make_conversation,
    render_text,
)
from pivotrl_pipeline.policies.pretraining.model import make_model
from pivotrl_pipeline.policies.pretraining.tokenizer import (
    token_id,
    train_tokenizer,
    wrap_tokenizer,
)
from pivotrl_pipeline.policies.pretraining.training import Pretrainer, UpdateMetrics
from pivotrl_pipeline.policies.pretraining.workers import Workgroup, make_workgroups

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM


OnUpdate: TypeAlias = Callable[["Qwen3ForCausalLM", UpdateMetrics], None]


@dataclass(frozen=True)
class PretrainedPolicy:
    """What pretraining leaves."""

    model: "Qwen3ForCausalLM"
    tokenizer: "PreTrainedTokenizerFast"
    metrics: tuple[UpdateMetrics, ...]


def make_tokenizer(parameters: PretrainParameters) -> "PreTrainedTokenizerFast":
    """A tokenizer for the words of the corpus."""
    template_only = train_tokenizer([], min_frequency=1)
    shares = dict.fromkeys(SOURCES, 1.0)
    sources = draw_sources(parameters.tokenizer.num_documents, shares, first_seed=0)
    noise = _make_noise(parameters)
    texts = [
        render_text(make_conversation(source, seed, noise), template_only)
        for source, seed in sources
    ]
    return train_tokenizer(texts, min_frequency=parameters.tokenizer.min_frequency)


def train_tokenizer_text(parameters: PretrainParameters) -> str:
    """The tokenizer as the JSON text of the tokenizers library."""
    return make_tokenizer(parameters).backend_tokenizer.to_str(pretty=True)


def load_tokenizer_text(text: str) -> "PreTrainedTokenizerFast":
    """The tokenizer that `train_tokenizer_text` wrote."""
    from tokenizers import Tokenizer

    return wrap_tokenizer(Tokenizer.from_str(text))


def pretrain_policy(
    parameters: PretrainParameters,
    tokenizer: "PreTrainedTokenizerFast",
    on_update: OnUpdate | None = None,
) -> PretrainedPolicy:
    """Trains through all stages of the curriculum.

    Args:
        parameters: Seeds, sizes, noise, stages and learning rates.
        tokenizer: Of the policy.
        on_update: Called after each update.
    """
    from torch.multiprocessing import get_context

    batches = _plan_all_batches(parameters, tokenizer)
    model = make_model(parameters.model, tokenizer, seed=parameters.seed)
    num_values = sum(weight.numel() for weight in model.parameters()) + 2
    first, *others = make_workgroups(parameters.num_processes, num_values)
    helpers = [
        get_context("spawn").Process(
            target=_help, args=(parameters, tokenizer, batches, group), daemon=True
        )
        for group in others
    ]
    for helper in helpers:
        helper.start()
    metrics = _train(model, parameters, tokenizer, batches, first, on_update)
    for helper in helpers:
        helper.join()
    return PretrainedPolicy(model, tokenizer, metrics)


def _help(
    parameters: PretrainParameters,
    tokenizer: "PreTrainedTokenizerFast",
    batches: list[list[Document]],
    workgroup: Workgroup,
) -> None:
    """What every process but the first does: the same, without a word."""
    model = make_model(parameters.model, tokenizer, seed=parameters.seed)
    _train(model, parameters, tokenizer, batches, workgroup, None)


def _train(
    model: "Qwen3ForCausalLM",
    parameters: PretrainParameters,
    tokenizer: "PreTrainedTokenizerFast",
    batches: list[list[Document]],
    workgroup: Workgroup,
    on_update: OnUpdate | None,
) -> tuple[UpdateMetrics, ...]:
    import torch

    torch.set_num_threads(1)
    trainer = Pretrainer(
        model,
        parameters.optimizer,
        num_updates=len(batches),
        padding=token_id(tokenizer, END_OF_TEXT),
        workgroup=workgroup if workgroup.size > 1 else None,
    )
    metrics: list[UpdateMetrics] = []
    with tqdm(
        total=len(batches),
        desc="pretrain_policy",
        unit="update",
        disable=workgroup.rank > 0,
    ) as bar:
        for documents in batches:
            metrics.append(trainer.update(documents))
            bar.set_postfix(
                loss=f"{metrics[-1].loss:.3f}",
                tokens_per_second=round(_tokens_per_second(metrics[-50:])),
                refresh=False,
            )
            bar.update()
            if on_update is not None:
                on_update(model, metrics[-1])
    return tuple(metrics)


def _tokens_per_second(metrics: list[UpdateMetrics]) -> float:
    return sum(m.num_tokens for m in metrics) / sum(m.seconds for m in metrics)


def _plan_all_batches(
    parameters: PretrainParameters, tokenizer: "PreTrainedTokenizerFast"
) -> list[list[Document]]:
    """The documents of each update, stage by stage; no two stages share a seed."""
    starts = accumulate((stage.num_documents for stage in parameters.stages), initial=0)
    batches: list[list[Document]] = []
    for start, stage in zip(starts, parameters.stages, strict=False):
        documents = _write_documents(parameters, stage, start, tokenizer)
        plan = plan_batches(
            [len(document.token_ids) for document in documents],
            batch_tokens=stage.batch_tokens,
            is_mixed=stage.is_mixed,
            rng=np.random.default_rng(parameters.seed + start),
        )
        batches += [[documents[index] for index in indices] for indices in plan]
    return batches


def _write_documents(
    parameters: PretrainParameters,
    stage: StageParameters,
    start: int,
    tokenizer: "PreTrainedTokenizerFast",
) -> list[Document]:
    noise = _make_noise(parameters)
    sources = draw_sources(stage.num_documents, stage.share_by_source, first_seed=start)
    return [
        encode_document(make_conversation(source, seed, noise), tokenizer)
        for source, seed in tqdm(sources, desc="write_documents", unit="document")
    ]


def _make_noise(parameters: PretrainParameters) -> Noise:
    return Noise(**parameters.noise.model_dump())
