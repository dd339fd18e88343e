"""Sampling with shared prefixes: prefill each unique token once, decode all rows.

The rows of one call, one per prompt and seed, are decoded together as far as the token
budget allows. Finished rows leave the batch, and waiting ones take their place.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.chains import (
    NO_PAST,
    Chain,
    Past,
    PromptMemory,
    count_root,
    count_unique,
    forward_chains,
    forward_root,
    make_chains,
)
from pivotrl_pipeline.policies.decode_attention import (
    DecodeAttention,
    OwnTokens,
    SharedTokens,
)
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.prefix_tree import Tokens
from pivotrl_pipeline.policies.row_log import RowLog, RowResult
from pivotrl_pipeline.policies.token_counts import TokenCounts

_REFILL_SHARE = 8
"""The batch is made anew when one row in so many has finished."""


@dataclass(frozen=True, slots=True)
class Request:
    """The rows of one call."""

    prompts: Sequence[Tokens]
    """Distinct."""
    prompt_of_row: Sequence[int]
    seeds: Sequence[int]
    """One per row."""
    settings: SamplingSettings
    stop_ids: torch.Tensor
    max_tokens: int
    """Keys and values held at once: trunks, and ``max_new_tokens`` for each row."""


SaveRow = Callable[[int, list[KeysValues]], None]
"""Takes a finished row's number, and keys and values of all that was forwarded."""


def sample_rows(
    model: PreTrainedModel,
    request: Request,
    counts: TokenCounts,
    *,
    pasts: Mapping[int, Past] | None = None,
    save_row: SaveRow | None = None,
    memory: PromptMemory | None = None,
) -> list[RowResult]:
    """One result per row, in their order.

    Args:
        model: Shares trees (see `sharing`), in evaluation mode.
        request: What to sample.
        counts: Added to.
        pasts: What is known of some prompts, by their index; then each prompt is
            continued on its own.
        save_row: Called once per row when it has finished.
        memory: Of the call before; without pasts. If that had the same prompts, they
            are not forwarded again.
    """
    return _Sampler(model, request, counts, pasts or {}, save_row, memory).run()


class _Sampler:
    """One call: chains waiting, chains resident, and the rows being decoded."""

    def __init__(
        self,
        model: PreTrainedModel,
        request: Request,
        counts: TokenCounts,
        pasts: Mapping[int, Past],
        save_row: SaveRow | None,
        memory: PromptMemory | None,
    ) -> None:
        self._model = model
        self._request = request
        self._counts = counts
        self._save_row = save_row
        self._memory = memory
        self._device = model.device
        self._limit = request.settings.max_new_tokens
        self._log = RowLog(request.seeds, request.settings, self._device)
        self._queue = deque(self._make_queue(pasts))
        counts.unique += self._count_new_prompt_tokens(pasts)
        self._root = NO_PAST if pasts else self._forward_root()
        self._resident: list[Chain] = []
        self._trunks: list[KeysValues] = []
        self._logits: dict[int, torch.Tensor] = {}
        nothing = torch.zeros(0, dtype=torch.long, device=self._device)
        self._rows = self._steps = self._tokens = self._positions = nothing
        self._own = self._make_own(0)
        self._attention = DecodeAttention(self._own, ())

    def run(self) -> list[RowResult]:
        """Decodes until nothing waits and nothing runs."""
        while self._queue or self._num_waiting() or len(self._rows):
            self._refill()
            num_rows = num_alive = len(self._rows)
            while num_alive and num_rows - num_alive <= num_rows // _REFILL_SHARE:
                num_alive = self._step()
        results = self._log.read()
        self._counts.unique += sum(len(each.token_ids) - 1 for each in results)
        return results

    def _make_queue(self, pasts: Mapping[int, Past]) -> list[Chain]:
        prompts = self._request.prompts
        if pasts:
            chains = [
                Chain([index], tokens, past=pasts.get(index, NO_PAST))
                for index, tokens in enumerate(prompts)
            ]
        else:
            chains = make_chains(prompts)
        chain_of_prompt = {index: chain for chain in chains for index in chain.prompts}
        for row, prompt in enumerate(self._request.prompt_of_row):
            chain_of_prompt[prompt].waiting.append(row)
        return [chain for chain in chains if chain.waiting]

    def _count_new_prompt_tokens(self, pasts: Mapping[int, Past]) -> int:
        """Unique prompt tokens that no call before this one has forwarded."""
        prompts = self._request.prompts
        if pasts:
            # What conversations share with each other was known before the call.
            known = sum(past.num_tokens for past in pasts.values())
            return sum(map(len, prompts)) - known
        keys = tuple(tuple(prompt.tolist()) for prompt in prompts)
        if self._memory is not None and self._memory.turn_to(keys):
            return 0
        return count_unique(prompts)

    def _forward_root(self) -> Past:
        num_root = count_root(self._request.prompts) if len(self._queue) > 1 else 0
        if num_root == 0:
            return NO_PAST
        if self._memory is not None and self._memory.root is not None:
            return self._memory.root
        self._counts.forwarded += num_root
        root = forward_root(self._model, self._queue[0].tokens[:num_root])
        if self._memory is not None:
            self._memory.root = root
        return root

    def _make_own(self, num_rows: int) -> OwnTokens:
        return OwnTokens(num_rows, max(1, self._limit - 1), self._device)

    def _num_waiting(self) -> int:
        return sum(len(chain.waiting) for chain in self._resident)

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
        length = len(self._request.prompts[prompt])
        trunk = self._trunk_of_prompt()[prompt]
        parts = [
            [
                KeysValues(
                    layer.keys[trunk : trunk + 1, :, : length - self._root.num_tokens],
                    layer.values[
                        trunk : trunk + 1, :, : length - self._root.num_tokens
                    ],
                )
                for layer in self._trunks
            ]
        ]
        if self._root.num_tokens:
            parts.insert(0, list(self._root.layers))
        if slot is not None:
            parts.append(self._own.read(slot, length, length + self._limit))
        self._save_row(row, _join(parts))

    def _trunk_of_prompt(self) -> dict[int, int]:
        return {
            prompt: index
            for index, chain in enumerate(self._resident)
            for prompt in chain.prompts
        }

    def _refill(self) -> None:
        """Drops finished rows and chains, admits waiting ones, rebuilds the batch."""
        kept = (self._rows != self._log.num_rows).nonzero().squeeze(1)
        self._drop_chains(self._rows[kept].tolist())
        started = self._admit(len(kept))
        rows = torch.tensor(started, dtype=torch.long, device=self._device)
        prompts = [self._request.prompt_of_row[row] for row in started]
        steps = torch.zeros_like(rows)
        tokens = steps
        if started:
            logits = torch.stack([self._logits[prompt] for prompt in prompts])
            tokens = self._log.choose(logits, rows, steps)
            is_done = self._find_done(tokens, steps)
            if self._save_row is not None:
                for row in rows[is_done].tolist():
                    self._save(row, None)
            rows, steps, tokens = rows[~is_done], steps[~is_done], tokens[~is_done]
        self._own.select(kept, len(rows))
        self._forget_logits()
        lengths = self._find_lengths(rows)
        self._rows = torch.cat([self._rows[kept], rows])
        self._steps = torch.cat([self._steps[kept], steps])
        self._tokens = torch.cat([self._tokens[kept], tokens])
        self._positions = torch.cat([self._positions[kept], lengths])
        self._attention = DecodeAttention(self._own, self._share())

    def _forget_logits(self) -> None:
        """Keeps those that waiting rows begin with: each has a whole vocabulary."""
        waiting = {
            self._request.prompt_of_row[row]
            for chain in self._resident
            for row in chain.waiting
        }
        self._logits = {
            prompt: logits
            for prompt, logits in self._logits.items()
            if prompt in waiting
        }

    def _find_lengths(self, rows: torch.Tensor) -> torch.Tensor:
        """Prompt tokens of each row."""
        lengths = [
            len(self._request.prompts[self._request.prompt_of_row[row]])
            for row in rows.tolist()
        ]
        return torch.tensor(lengths, dtype=torch.long, device=self._device)

    def _share(self) -> list[SharedTokens]:
        """What the rows attend to beside their own tokens."""
        if len(self._rows) == 0:
            return []
        trunk_of_prompt = self._trunk_of_prompt()
        trunks = [
            trunk_of_prompt[self._request.prompt_of_row[row]]
            for row in self._rows.tolist()
        ]
        num_root = self._root.num_tokens
        shared = [
            SharedTokens(
                self._trunks,
                first_position=num_root,
                trunk_of_row=torch.tensor(trunks, device=self._device),
                lengths=self._find_lengths(self._rows) - num_root,
            )
        ]
        if num_root:
            zeros = torch.zeros_like(self._rows)
            shared.append(
                SharedTokens(
                    self._root.layers,
                    first_position=0,
                    trunk_of_row=zeros,
                    lengths=zeros + num_root,
                )
            )
        return shared

    def _drop_chains(self, alive: Sequence[int]) -> None:
        """Forgets trunks that neither a running nor a waiting row needs."""
        trunk_of_prompt = self._trunk_of_prompt()
        used = {trunk_of_prompt[self._request.prompt_of_row[row]] for row in alive}
        kept = [
            index
            for index, chain in enumerate(self._resident)
            if chain.waiting or index in used
        ]
        if len(kept) == len(self._resident):
            return
        self._resident = [self._resident[index] for index in kept]
        width = max((self._num_trunk_tokens(c) for c in self._resident), default=0)
        self._trunks = [
            KeysValues(layer.keys[kept, :, :width], layer.values[kept, :, :width])
            for layer in self._trunks
        ]

    def _num_trunk_tokens(self, chain: Chain) -> int:
        return len(chain.tokens) - self._root.num_tokens

    def _admit(self, num_rows: int) -> list[int]:
        """Rows to start now; the chains of new ones are forwarded."""
        started: list[int] = []
        free = self._request.max_tokens - self._root.num_tokens
        free -= num_rows * self._limit
        free -= sum(self._num_trunk_tokens(chain) for chain in self._resident)
        admitted: list[Chain] = []
        for chain in [*self._resident, *self._queue]:
            if chain not in self._resident:
                free -= self._num_trunk_tokens(chain)
            room = max(0, free // self._limit)
            if room == 0 and num_rows + len(started) == 0:
                room = 1
            rows, chain.waiting = chain.waiting[:room], chain.waiting[room:]
            if not rows and chain.waiting:
                break
            if chain not in self._resident:
                admitted.append(chain)
            started.extend(rows)
            free -= len(rows) * self._limit
        if admitted:
            self._forward(admitted)
        return started

    def _forward(self, chains: list[Chain]) -> None:
        for _ in chains:
            self._queue.popleft()
        prefill = self._memory.find(chains) if self._memory is not None else None
        if prefill is None:
            prefill = forward_chains(
                self._model, chains, self._request.prompts, root=self._root
            )
            self._counts.forwarded += prefill.num_forwarded
            if self._memory is not None:
                self._memory.keep(chains, prefill)
        self._logits.update(prefill.logits)
        self._trunks = _append(self._trunks, prefill.layers)
        self._resident.extend(chains)


def _append(first: list[KeysValues], second: list[KeysValues]) -> list[KeysValues]:
    """Two stacks of trunks in one, padded to the longer."""
    if not first or len(first[0].keys) == 0:
        return second
    width = max(first[0].keys.shape[2], second[0].keys.shape[2])

    def join(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.cat(
            [pad(stack, (0, 0, 0, width - stack.shape[2])) for stack in (one, other)]
        )

    return [
        KeysValues(join(one.keys, other.keys), join(one.values, other.values))
        for one, other in zip(first, second, strict=True)
    ]


def _join(parts: Sequence[Sequence[KeysValues]]) -> list[KeysValues]:
    return [
        KeysValues(
            torch.cat([layer.keys for layer in layers], dim=2),
            torch.cat([layer.values for layer in layers], dim=2),
        )
        for layers in zip(*(part for part in parts if part), strict=True)
    ]
