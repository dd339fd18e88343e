"""Sampling from models inside whose forward no prefix can be shared."""

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from pivotrl_pipeline.policies.row_log import RowLog, RowResult
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.sharing import Sharing
from pivotrl_pipeline.policies.token_counts import TokenCounts


def sample_rows_plainly(
    model: PreTrainedModel, request: Request, counts: TokenCounts, sharing: Sharing
) -> list[RowResult]:
    """One result per row, prompt after prompt.

    With `Sharing.PROMPT` a prompt is forwarded once and its cache is copied for each of
    its rows; with `Sharing.NONE` the whole sequence is forwarded for every token.
    """
    log = RowLog(request.seeds, request.settings, model.device)
    rows_by_prompt: dict[int, list[int]] = {}
    for row, prompt in enumerate(request.prompt_of_row):
        rows_by_prompt.setdefault(prompt, []).append(row)
    for prompt, rows in rows_by_prompt.items():
        tokens = torch.from_numpy(request.prompts[prompt]).to(model.device)
        held = len(tokens) + request.settings.max_new_tokens
        size = max(1, request.max_tokens // held)
        for start in range(0, len(rows), size):
            some = torch.tensor(rows[start : start + size], device=model.device)
            decoder = _CachedDecoder if sharing is Sharing.PROMPT else _PlainDecoder
            _sample_prompt(decoder(model, tokens, counts), some, request, log)
        counts.unique += len(tokens)
    results = log.read()
    counts.unique += sum(len(each.token_ids) - 1 for each in results)
    return results


def _sample_prompt(
    decoder: "_CachedDecoder | _PlainDecoder",
    rows: torch.Tensor,
    request: Request,
    log: RowLog,
) -> None:
    logits = decoder.start(len(rows))
    for step in range(request.settings.max_new_tokens):
        tokens = log.choose(logits, rows, torch.full_like(rows, step))
        is_alive = ~(tokens[:, None] == request.stop_ids).any(dim=1)
        rows, tokens = rows[is_alive], tokens[is_alive]
        if len(rows) == 0 or step + 1 == request.settings.max_new_tokens:
            return
        logits = decoder.append(tokens, is_alive.nonzero().squeeze(1))


class _CachedDecoder:
    """Rows of one prompt, with the model's own cache."""

    def __init__(
        self, model: PreTrainedModel, prompt: torch.Tensor, counts: TokenCounts
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._counts = counts
        self._cache = DynamicCache(config=model.config.get_text_config())

    def start(self, num_rows: int) -> torch.Tensor:
        """Logits [rows, vocabulary] after the prompt."""
        self._counts.forwarded += len(self._prompt)
        output = self._model(
            input_ids=self._prompt[None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache.batch_repeat_interleave(num_rows)
        logits: torch.Tensor = output.logits[:, -1]
        return logits.expand(num_rows, -1)

    def append(self, tokens: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Logits after one more token of the rows that are kept."""
        self._counts.forwarded += len(tokens)
        self._cache.batch_select_indices(kept)
        output = self._model(
            input_ids=tokens[:, None], past_key_values=self._cache, use_cache=True
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


class _PlainDecoder:
    """Rows of one prompt, forwarded whole for every token."""

    def __init__(
        self, model: PreTrainedModel, prompt: torch.Tensor, counts: TokenCounts
    ) -> None:
        self._model = model
        self._tokens = prompt[None]
        self._counts = counts

    def start(self, num_rows: int) -> torch.Tensor:
        """Logits [rows, vocabulary] after the prompt."""
        logits = self._forward().expand(num_rows, -1)
        self._tokens = self._tokens.expand(num_rows, -1)
        return logits

    def append(self, tokens: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Logits after one more token of the rows that are kept."""
        self._tokens = torch.cat([self._tokens[kept], tokens[:, None]], dim=1)
        return self._forward()

    def _forward(self) -> torch.Tensor:
        self._counts.forwarded += self._tokens.numel()
        output = self._model(input_ids=self._tokens, use_cache=False)
        logits: torch.Tensor = output.logits[:, -1]
        return logits
