"""A causal language model of transformers as a policy, in this process."""

import logging
import weakref
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.policies.base import PolicyCache, Sample, SamplingSettings
from pivotrl_pipeline.policies.chains import Past
from pivotrl_pipeline.policies.conversations import ConversationCache
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.plain_sampling import sample_rows_plainly
from pivotrl_pipeline.policies.row_log import RowResult
from pivotrl_pipeline.policies.sampler import sample_rows
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing, in_evaluation
from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.policies.token_counts import TokenCounts
from pivotrl_pipeline.records.messages import Action, Tool
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import State

_logger = logging.getLogger(__name__)


class TransformersPolicy:
    """Samples actions; what prompts share goes through the model once.

    Args:
        model: Any causal language model.
        tokenizer: Of the model.
        template: Renders states.
        stop_ids: Tokens that end an action.
        max_tokens_in_flight: See `PolicyParameters`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        template: ChatTemplate,
        *,
        stop_ids: Sequence[int],
        max_tokens_in_flight: int,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.template = template
        self.stop_ids = tuple(sorted(set(stop_ids)))
        self.token_counts = TokenCounts()
        """Of all calls so far."""
        self._max_tokens = max_tokens_in_flight
        # A policy is held for one task, and what that cost is known when it is let go.
        weakref.finalize(self, _log_counts, self.token_counts).atexit = False

    def render(self, state: State) -> list[int]:
        """Token ids of the state, ending with the generation prompt.

        Raises:
            PolicyError: If the template would lose a part of the state.
        """
        return self.template.render(state)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text with special tokens, without a final stop token."""
        ids = list(token_ids)
        if ids and ids[-1] in self.stop_ids:
            ids.pop()
        text = self.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """The action in sampled text; never raises.

        Reasoning that the template would not show in a next state is left out.
        """
        action = parse_action(text, tools)
        if self.template.facts.has_reasoning:
            return action
        return replace(action, reasoning=None)

    def open_cache(self) -> ConversationCache:
        """An empty memory of conversations; the least recently used go first."""
        return ConversationCache(self._max_tokens)

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        settings: SamplingSettings,
        *,
        cache: PolicyCache | None = None,
        conversations: Sequence[Hashable] | None = None,
    ) -> list[list[Sample]]:
        """One sample per prompt and seed, in their order.

        A sample depends on its prompt, its seed and the settings, and on what else is
        in the call only by rounding. The same call gives the same bytes.

        Raises:
            PolicyError: If the model's logits are not finite.
            ValueError: If a prompt is empty, or counts do not match.
        """
        _check_call(prompts, seeds, settings, cache, conversations)
        distinct: dict[tuple[int, ...], int] = {}
        prompt_of_row = [
            distinct.setdefault(tuple(prompt), len(distinct))
            for prompt, row_seeds in zip(prompts, seeds, strict=True)
            for _ in row_seeds
        ]
        if not prompt_of_row:
            return [[] for _ in prompts]
        request = Request(
            [np.array(prompt, dtype=np.int64) for prompt in distinct],
            prompt_of_row,
            [seed for row_seeds in seeds for seed in row_seeds],
            settings,
            torch.tensor(self.stop_ids, device=self.model.device),
            self._max_tokens,
        )
        with torch.no_grad(), in_evaluation(self.model):
            if isinstance(cache, ConversationCache) and conversations is not None:
                keys = [
                    key
                    for key, row_seeds in zip(conversations, seeds, strict=True)
                    for _ in row_seeds
                ]
                results = self._sample_conversations(request, cache, keys)
            else:
                results = self._sample_rows(request, cache)
        samples = iter([self._make_sample(result) for result in results])
        return [[next(samples) for _ in row_seeds] for row_seeds in seeds]

    def _sample_rows(
        self, request: Request, cache: PolicyCache | None = None
    ) -> list[RowResult]:
        sharing = find_sharing(self.model)
        if sharing is Sharing.TREE:
            memory = cache.prompts if isinstance(cache, ConversationCache) else None
            return sample_rows(self.model, request, self.token_counts, memory=memory)
        return sample_rows_plainly(self.model, request, self.token_counts, sharing)

    def _sample_conversations(
        self, request: Request, cache: ConversationCache, keys: Sequence[Hashable]
    ) -> list[RowResult]:
        if find_sharing(self.model) is not Sharing.TREE:
            return self._sample_rows(request)
        forwarded: dict[int, tuple[Past, list[KeysValues]]] = {}

        def save_row(row: int, root: Past, layers: list[KeysValues]) -> None:
            forwarded[row] = (root, layers)

        results = sample_rows(
            self.model,
            request,
            self.token_counts,
            known=cache.find_known(request.prompts, request.prompt_of_row, keys),
            save_row=save_row,
        )
        # The first conversations move first again: they are the last to be forgotten.
        for row in reversed(range(len(keys))):
            prompt_tokens = request.prompts[request.prompt_of_row[row]].tolist()
            # The last sampled token has not been forwarded.
            tokens = [*prompt_tokens, *results[row].token_ids[:-1]]
            cache.store(keys[row], tokens, *forwarded[row])
        cache.shrink()
        return results

    def _make_sample(self, result: RowResult) -> Sample:
        stopped = result.token_ids[-1] in self.stop_ids
        return Sample(
            tuple(result.token_ids),
            tuple(result.logprobs),
            FinishReason.STOP if stopped else FinishReason.LENGTH,
        )


def _log_counts(counts: TokenCounts) -> None:
    if counts.forwarded:
        _logger.info(
            "Sampling forwarded %d tokens, %.3f per unique token.",
            counts.forwarded,
            counts.ratio,
        )


def _check_call(
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: SamplingSettings,
    cache: PolicyCache | None,
    conversations: Sequence[Hashable] | None,
) -> None:
    if len(prompts) != len(seeds):
        raise ValueError(
            f"sample: {len(prompts)} prompts and {len(seeds)} lists of seeds; give one "
            "list of seeds per prompt."
        )
    empty = [index for index, prompt in enumerate(prompts) if len(prompt) == 0]
    if empty:
        raise ValueError(
            f"sample: prompt {empty[0]} is empty; the first token is predicted from "
            "the last prompt token: give at least one."
        )
    if settings.max_new_tokens < 1:
        raise ValueError(
            f"sample: max_new_tokens is {settings.max_new_tokens}; give at least 1."
        )
    if cache is not None and not isinstance(cache, ConversationCache):
        raise PolicyError(
            f"sample: the cache is a {type(cache).__name__}; give one that this "
            "policy's open_cache returned."
        )
    if conversations is not None and len(conversations) != len(prompts):
        raise ValueError(
            f"sample: {len(prompts)} prompts and {len(conversations)} "
            "conversations; give one key per prompt, or none at all."
        )
