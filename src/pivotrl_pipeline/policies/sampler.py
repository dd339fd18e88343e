"""Sampling with shared prefixes: prefill each unique token once, decode all rows.

The rows of one call, one per prompt and seed, are decoded together as far as the token
budget allows. Finished rows leave the batch, and waiting ones take their place.
"""

from collections.abc import Callable

import torch
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.chains import (
    NOTHING_KNOWN,
    Known,
    Past,
    PromptMemory,
    join_layers,
)
from pivotrl_pipeline.policies.decode_attention import DecodeAttention, OwnTokens
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.row_log import RowLog, RowResult
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.token_counts import TokenCounts
from pivotrl_pipeline.policies.trunks import Trunks

_REFILL_SHARE = 8
"""The batch is made anew when one row in so many has finished."""

SaveRow = Callable[[int, Past, list[KeysValues]], None]
"""Takes a finished row's number, what all rows begin with, and keys and values of what
was forwarded beyond it."""


def sample_rows(
    model: PreTrainedModel,
    request: Request,
    counts: TokenCounts,
    *,
    known: Known = NOTHING_KNOWN,
    save_row: SaveRow | None = None,
    memory: PromptMemory | None = None,
) -> list[RowResult]:
    """One result per row, in their order.

    Args:
        model: Shares trees (see `sharing`), in evaluation mode.
        request: What to sample.
        counts: Added to.
        known: Of the prompts, from calls before.
        save_row: Called once per row when it has finished.
        memory: Of the call before, where nothing else is known. If that had the same
            prompts, they are not forwarded again.
    """
    trunks = Trunks(model, request, counts, known, memory)
    return _Sampler(model, request, counts, trunks, save_row).run()


class _Sampler:
    """One call: its prompts, and the rows being decoded."""

    def __init__(
        self,
        model: PreTrainedModel,
        request: Request,
        counts: TokenCounts,
        trunks: Trunks,
        save_row: SaveRow | None,
    ) -> None:
        self._model = model
        self._request = request
        self._counts = counts
        self._save_row = save_row
        self._device = model.device
        self._limit = request.settings.max_new_tokens
        self._log = RowLog(request.seeds, request.settings, self._device)
        self._trunks = trunks
        nothing = torch.zeros(0, dtype=torch.long, device=self._device)
        self._rows = self._steps = self._tokens = self._positions = nothing
        self._own = OwnTokens(0, max(1, self._limit - 1), self._device)
        self._attention = DecodeAttention(self._own, ())

    def run(self) -> list[RowResult]:
        """Decodes until nothing waits and nothing runs."""
        while self._trunks.have_waiting_rows() or len(self._rows):
            self._refill()
            num_rows = num_alive = len(self._rows)
            while num_alive and num_rows - num_alive <= num_rows // _REFILL_SHARE:
                num_alive = self._step()
        results = self._log.read()
        self._counts.unique += sum(len(each.token_ids) - 1 for each in results)
        return results

    def _step(self) -> int:
        """Forwards the newest token of each row, samples the next; rows left."""
        self._attention.start_step(self._positions)
        logits = self._model(
            input_ids=self._tokens[None],
            position_ids=self._positions[None],
            attention_mask=torch.zeros(1, 1, 1, 1, device=self._device),
            use_cache=False,
            tree=self._attention,
        ).logits[0]
        self._counts.forwarded += len(self._rows)
        self._steps = self._steps + 1
        self._positions = self._positions + 1
        self._tokens = self._log.choose(logits, self._rows, self._steps)
        is_done = self._find_done(self._tokens, self._steps)
        if bool(is_done.any()):
            self._discard(is_done)
        return int((self._rows != self._log.num_rows).sum())

    def _find_done(self, tokens: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        is_stop = (tokens[:, None] == self._request.stop_ids).any(dim=1)
        return is_stop | (steps == self._limit - 1)

    def _discard(self, is_done: torch.Tensor) -> None:
        """Finished rows go on as rows whose tokens nobody reads, until the refill."""
        if self._save_row is not None:
            for slot in is_done.nonzero().squeeze(1).tolist():
                row = int(self._rows[slot])
                if row != self._log.num_rows:
                    self._save(row, slot)
        self._rows = self._rows.masked_fill(is_done, self._log.num_rows)
        self._steps = self._steps.masked_fill(is_done, 0)
        self._positions = self._positions.masked_fill(is_done, 0)

    def _save(self, row: int, slot: int | None) -> None:
        assert self._save_row is not None, "called only where rows are saved"
        prompt = self._request.prompt_of_row[row]
        parts = [self._trunks.read(prompt)]
        if slot is not None:
            length = len(self._request.prompts[prompt])
            parts.append(self._own.read(slot, length, length + self._limit))
        self._save_row(row, self._trunks.root, join_layers(parts))

    def _refill(self) -> None:
        """Drops finished rows and chains, admits waiting ones, rebuilds the batch."""
        kept = (self._rows != self._log.num_rows).nonzero().squeeze(1)
        self._trunks.drop(self._rows[kept].tolist())
        started = self._trunks.admit(len(kept))
        rows = torch.tensor(started, dtype=torch.long, device=self._device)
        steps = torch.zeros_like(rows)
        tokens = steps
        if started:
            logits = self._trunks.take_logits(started)
            tokens = self._log.choose(logits, rows, steps)
            is_done = self._find_done(tokens, steps)
            if self._save_row is not None:
                for row in rows[is_done].tolist():
                    self._save(row, None)
            rows, steps, tokens = rows[~is_done], steps[~is_done], tokens[~is_done]
        self._own.select(kept, len(rows))
        lengths = self._trunks.find_lengths(rows)
        self._rows = torch.cat([self._rows[kept], rows])
        self._steps = torch.cat([self._steps[kept], steps])
        self._tokens = torch.cat([self._tokens[kept], tokens])
        self._positions = torch.cat([self._positions[kept], lengths])
        self._attention = DecodeAttention(self._own, self._trunks.share(self._rows))
