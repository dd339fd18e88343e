"""Ways to sample K actions at each state of a trajectory.

Run as a module, ``python -m benchmarks.engine_sampling SIDE CASES``, it prints the peak
memory of one of them (see `measuring.measure_peaks`).
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from benchmarks.engine_models import make_model, make_prompts
from benchmarks.measuring import measure_peak, return_freed_memory
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.sampler import sample_rows
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.token_counts import TokenCounts

_PAGE_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Work:
    """What is sampled: actions of a fixed length."""

    prompts: Sequence[Sequence[int]]
    num_samples: int
    """K, at each prompt."""
    num_new: int
    """Tokens of each action."""


def sample_shared(model: PreTrainedModel, work: Work) -> TokenCounts:
    """This package: each unique token once."""
    counts = TokenCounts()
    rows = [turn for turn in range(len(work.prompts)) for _ in range(work.num_samples)]
    request = Request(
        [np.array(prompt) for prompt in work.prompts],
        rows,
        list(range(len(rows))),
        SamplingSettings(1.0, 1.0, work.num_new),
        torch.tensor([-1], device=model.device),
        10**6,
    )
    sample_rows(model, request, counts)
    return counts


def generate_by_state(model: PreTrainedModel, work: Work) -> None:
    """`generate` with K return sequences, one state after the other."""
    for prompt in work.prompts:
        _generate(model, [prompt], work)


def generate_one_batch(model: PreTrainedModel, work: Work) -> None:
    """`generate` with all states in one batch, padded on the left."""
    _generate(model, work.prompts, work)


def _generate(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], work: Work
) -> None:
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        do_sample=True,
        top_k=0,
        max_new_tokens=work.num_new,
        num_return_sequences=work.num_samples,
    )


def generate_continuously(model: PreTrainedModel, work: Work) -> None:
    """`generate_batch`, transformers' continuous batching: a request per state, K
    children each; its pages of 256 tokens are shared by prompts that begin alike."""
    pages = sum(len(prompt) // _PAGE_TOKENS + 1 for prompt in work.prompts)
    pages += 2 * len(work.prompts) * work.num_samples
    limits = (
        {}
        if model.device.type == "cuda"  # there it takes what memory is free
        else {"num_blocks": pages, "max_batch_tokens": 2048}
    )
    found = model.generate_batch(
        [list(prompt) for prompt in work.prompts],
        generation_config=GenerationConfig(
            max_new_tokens=work.num_new,
            do_sample=True,
            top_k=0,
            num_return_sequences=work.num_samples,
            eos_token_id=None,
            pad_token_id=0,
        ),
        continuous_batching_config=ContinuousBatchingConfig(seed=0, **limits),
    )
    lengths = {len(output.generated_tokens) for output in found.values()}
    assert lengths == {work.num_new}, lengths
    assert len(found) == len(work.prompts) * work.num_samples


SIDES: dict[str, Callable[[PreTrainedModel, Work], object]] = {
    "shared prefixes": sample_shared,
    "generate, state by state": generate_by_state,
    "generate, one batch": generate_one_batch,
    "generate_batch": generate_continuously,
}


def make_work(
    size: str, num_samples: int, num_new: int, *, num_turns: int, num_tokens: int
) -> Work:
    """The states of a trajectory of so many turns and tokens."""
    prompts = make_prompts(size, num_turns=num_turns, num_tokens=num_tokens)
    return Work(prompts, num_samples, num_new)


def _print_peaks(side: str, cases: Sequence[Sequence[object]]) -> None:
    return_freed_memory()
    for size, *numbers in cases:
        assert isinstance(size, str)
        num_samples, num_new, num_turns, num_tokens = (int(str(n)) for n in numbers)
        model = make_model(size)
        small = make_work(size, 2, 2, num_turns=2, num_tokens=64)
        whole = make_work(
            size, num_samples, num_new, num_turns=num_turns, num_tokens=num_tokens
        )
        with torch.no_grad():
            SIDES[side](model, small)
            peak = measure_peak(lambda m=model, w=whole: SIDES[side](m, w))  # type: ignore[misc]
        print(peak, flush=True)  # noqa: T201


if __name__ == "__main__":
    _print_peaks(sys.argv[1], json.loads(sys.argv[2]))
