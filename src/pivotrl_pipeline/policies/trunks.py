"""The prompts of one call: chains that wait, and chains whose trunks are held.

A trunk is the keys and values of a chain beyond the root, which all chains share.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch.nn.functional import pad
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.chains import (
    NO_PAST,
    Chain,
    Known,
    Past,
    PromptMemory,
    count_root,
    count_unique,
    forward_chains,
    forward_root,
    make_chains,
)
from pivotrl_pipeline.policies.decode_attention import SharedTokens
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.prefix_tree import Tokens
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.token_counts import TokenCounts


class Trunks:
    """Each chain is forwarded once, when the first of its rows starts.

    Args:
        model: As `sample_rows` takes it.
        request: What is sampled.
        counts: Added to.
        known: Of the prompts.
        memory: Of the call before, where nothing else is known.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        request: Request,
        counts: TokenCounts,
        known: Known,
        memory: PromptMemory | None,
    ) -> None:
        self._model = model
        self._request = request
        self._counts = counts
        self._memory = memory
        self._device = model.device
        self._queue = deque(self._make_queue(known.pasts))
        counts.unique += self._count_new_tokens(known.seen)
        self.root = self._forward_root() if known.root is None else known.root
        """What all rows begin with."""
        self._resident: list[Chain] = []
        self._layers: list[KeysValues] = []
        self._logits: dict[int, torch.Tensor] = {}

    def have_waiting_rows(self) -> bool:
        """Whether some rows have not been started."""
        return bool(self._queue) or any(chain.waiting for chain in self._resident)

    def admit(self, num_rows: int) -> list[int]:
        """Rows to start now beside those that run; new chains are forwarded."""
        started: list[int] = []
        limit = self._request.settings.max_new_tokens
        free = self._request.max_tokens - self.root.num_tokens
        free -= num_rows * limit
        free -= sum(self._num_trunk_tokens(chain) for chain in self._resident)
        admitted: list[Chain] = []
        for chain in [*self._resident, *self._queue]:
            if chain not in self._resident:
                free -= self._num_trunk_tokens(chain)
            room = max(0, free // limit)
            if room == 0 and num_rows + len(started) == 0:
                room = 1
            rows, chain.waiting = chain.waiting[:room], chain.waiting[room:]
            if not rows and chain.waiting:
                break
            if chain not in self._resident:
                admitted.append(chain)
            started.extend(rows)
            free -= len(rows) * limit
        if admitted:
            self._forward(admitted)
        return started

    def take_logits(self, rows: Sequence[int]) -> torch.Tensor:
        """[rows, vocabulary] after the prompts of rows that were just started.

        Only what waiting rows begin with is kept: each has a whole vocabulary.
        """
        prompt_of_row = self._request.prompt_of_row
        logits = torch.stack([self._logits[prompt_of_row[row]] for row in rows])
        waiting = {
            prompt_of_row[row] for chain in self._resident for row in chain.waiting
        }
        self._logits = {
            prompt: each for prompt, each in self._logits.items() if prompt in waiting
        }
        return logits

    def find_lengths(self, rows: torch.Tensor) -> torch.Tensor:
        """Prompt tokens of each row."""
        lengths = [
            len(self._request.prompts[self._request.prompt_of_row[row]])
            for row in rows.tolist()
        ]
        return torch.tensor(lengths, dtype=torch.long, device=self._device)

    def share(self, rows: torch.Tensor) -> list[SharedTokens]:
        """What the rows attend to beside their own tokens."""
        if len(rows) == 0:
            return []
        trunk_of_prompt = self._trunk_of_prompt()
        trunks = [
            trunk_of_prompt[self._request.prompt_of_row[row]] for row in rows.tolist()
        ]
        num_root = self.root.num_tokens
        shared = [
            SharedTokens(
                self._layers,
                first_position=num_root,
                trunk_of_row=torch.tensor(trunks, device=self._device),
                lengths=self.find_lengths(rows) - num_root,
            )
        ]
        if num_root:
            zeros = torch.zeros_like(rows)
            shared.append(
                SharedTokens(
                    self.root.layers,
                    first_position=0,
                    trunk_of_row=zeros,
                    lengths=zeros + num_root,
                )
            )
        return shared

    def read(self, prompt: int) -> list[KeysValues]:
        """Keys and values of a resident prompt, beyond the root."""
        trunk = self._trunk_of_prompt()[prompt]
        width = len(self._request.prompts[prompt]) - self.root.num_tokens
        return [
            KeysValues(
                layer.keys[trunk : trunk + 1, :, :width],
                layer.values[trunk : trunk + 1, :, :width],
            )
            for layer in self._layers
        ]

    def drop(self, alive: Sequence[int]) -> None:
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
        self._layers = [
            KeysValues(layer.keys[kept, :, :width], layer.values[kept, :, :width])
            for layer in self._layers
        ]

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

    def _count_new_tokens(self, seen: Sequence[Tokens]) -> int:
        """Unique prompt tokens that no call before this one has forwarded."""
        prompts = self._request.prompts
        if seen:
            return count_unique([*seen, *prompts]) - count_unique(seen)
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

    def _forward(self, chains: list[Chain]) -> None:
        for _ in chains:
            self._queue.popleft()
        prefill = self._memory.find(chains) if self._memory is not None else None
        if prefill is None:
            prefill = forward_chains(
                self._model, chains, self._request.prompts, root=self.root
            )
            self._counts.forwarded += prefill.num_forwarded
            if self._memory is not None:
                self._memory.keep(chains, prefill)
        self._logits.update(prefill.logits)
        self._layers = _append(self._layers, prefill.layers)
        self._resident.extend(chains)

    def _num_trunk_tokens(self, chain: Chain) -> int:
        return len(chain.tokens) - self.root.num_tokens

    def _trunk_of_prompt(self) -> dict[int, int]:
        return {
            prompt: index
            for index, chain in enumerate(self._resident)
            for prompt in chain.prompts
        }


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
