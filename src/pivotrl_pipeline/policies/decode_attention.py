"""Attention while tokens are sampled: one query per row, prefixes held once.

A row's keys are in up to three places: the root that every row shares, the trunk that
the rows of one chain of prompts share, and the tokens sampled for the row itself. Root
and trunk are not copied for each row: the queries of all rows that share them are
multiplied with them together, and the parts are merged by their log-sum-exp (see
`kernels`).
"""

from collections.abc import Sequence

import torch

from pivotrl_pipeline.policies.kernels import attend, merge
from pivotrl_pipeline.policies.packed_attention import KeysValues
from pivotrl_pipeline.policies.plain_attention import Block, masked_score

_FIRST_COLUMNS = 32


class SharedTokens:
    """Keys and values that several rows attend to, one stack entry per trunk.

    Args:
        layers: Per layer, [trunks, key heads, tokens, dim], padded on the right.
        first_position: Of the tokens in their sequences.
        trunk_of_row: [rows].
        lengths: [rows], how many tokens of its trunk a row sees.
    """

    def __init__(
        self,
        layers: Sequence[KeysValues],
        *,
        first_position: int,
        trunk_of_row: torch.Tensor,
        lengths: torch.Tensor,
    ) -> None:
        self.layers = layers
        self._first_position = first_position
        num_trunks, _, self._width, _ = layers[0].keys.shape
        per_trunk = torch.bincount(trunk_of_row, minlength=num_trunks)
        self._shape = (num_trunks, int(per_trunk.max()))
        places = _find_places(trunk_of_row, per_trunk)
        rows = torch.arange(len(places), device=places.device)
        slots = torch.zeros(self._shape, dtype=torch.long, device=places.device)
        slots.view(-1)[places] = rows
        is_dense = slots.numel() == len(rows) and bool((places == rows).all())
        self._places = None if is_dense else places
        self._slots = None if is_dense else slots.view(-1)
        self._lengths = lengths[slots]
        self._slot_rows = slots
        self._is_whole = bool((lengths == self._width).all())
        self._steady_mask: torch.Tensor | None = None
        self._masks: dict[int, torch.Tensor | None] = {}

    def start_step(self, positions: torch.Tensor) -> None:
        """Forgets what depends on where the rows are: they are at ``positions`` now."""
        self._masks = {}
        self._positions = positions

    def attend(
        self,
        layer_index: int,
        queries: torch.Tensor,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output and log-sum-exp for queries [rows, key heads, repeats, dim]."""
        _, key_heads, repeats, dim = queries.shape
        trunks, per_trunk = self._shape
        together = queries if self._slots is None else queries[self._slots]
        together = together.view(trunks, per_trunk, key_heads, repeats, dim)
        together = together.transpose(1, 2).reshape(
            trunks, key_heads, per_trunk * repeats, dim
        )
        keys, values = self.layers[layer_index]
        mask = self._find_mask(window, repeats, queries.dtype)
        out, lse = attend(together, Block(keys, values, mask), scale, softcap)
        out = out.view(trunks, key_heads, per_trunk, repeats, -1).transpose(1, 2)
        lse = lse.view(trunks, key_heads, per_trunk, repeats).transpose(1, 2)
        out = out.reshape(-1, key_heads, repeats, out.shape[-1])
        lse = lse.reshape(-1, key_heads, repeats)
        if self._places is None:
            return out, lse
        return out[self._places], lse[self._places]

    def _find_mask(
        self, window: int | None, repeats: int, dtype: torch.dtype
    ) -> torch.Tensor | None:
        """[trunks, 1, rows per trunk * repeats, tokens], added to the scores."""
        if window is None:
            if not self._is_whole and self._steady_mask is None:
                numbers = torch.arange(self._width, device=self._lengths.device)
                is_seen = numbers < self._lengths[..., None]
                self._steady_mask = _make_mask(is_seen, repeats, dtype)
            return self._steady_mask
        if window not in self._masks:
            numbers = torch.arange(self._width, device=self._lengths.device)
            distance = self._positions[self._slot_rows][..., None] - (
                numbers + self._first_position
            )
            is_seen = (numbers < self._lengths[..., None]) & (distance < window)
            self._masks[window] = (
                None if bool(is_seen.all()) else _make_mask(is_seen, repeats, dtype)
            )
        return self._masks[window]


class OwnTokens:
    """Keys and values of the tokens sampled for each row: a ring of columns.

    All rows write the same column at a step. A row lives for at most ``max_columns``
    steps, so that when the ring comes round it overwrites only what no row needs.
    """

    def __init__(self, num_rows: int, max_columns: int, device: torch.device) -> None:
        self._max_columns = max_columns
        self._num_steps = 0
        self._joined_late = False
        self._capacity = min(_FIRST_COLUMNS, max_columns)
        self.positions = torch.full((num_rows, self._capacity), -1, device=device)
        """[rows, columns], -1 where a row has no token."""
        self._layers: dict[int, KeysValues] = {}
        self._masks: dict[int | None, torch.Tensor | None] = {}

    def start_step(self, positions: torch.Tensor) -> None:
        """Opens a column for tokens at ``positions`` [rows]."""
        if self._num_steps == self._capacity < self._max_columns:
            self._grow(min(2 * self._capacity, self._max_columns))
        self._column = self._num_steps % self._capacity
        self.positions[:, self._column] = positions
        self._num_steps += 1
        self._masks = {}

    @property
    def num_columns(self) -> int:
        """Columns that hold tokens."""
        return min(self._num_steps, self._capacity)

    def attend(
        self,
        layer_index: int,
        queries: torch.Tensor,
        written: KeysValues,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Output and log-sum-exp; the rows' new keys are written first.

        Args:
            layer_index: Of the layer.
            queries: [rows, key heads, repeats, dim].
            written: Each [rows, key heads, dim].
            scale: Multiplies the scores.
            window: Keys that a query reaches back to, itself included.
            softcap: Of the scores.
        """
        if layer_index not in self._layers:
            self._layers[layer_index] = _make_columns(written, self._capacity)
        layer = self._layers[layer_index]
        layer.keys[:, :, self._column] = written.keys
        layer.values[:, :, self._column] = written.values
        columns = self.num_columns
        block = Block(
            layer.keys[:, :, :columns],
            layer.values[:, :, :columns],
            self._find_mask(window, queries.dtype),
        )
        return attend(queries, block, scale, softcap)

    def select(self, rows: torch.Tensor, num_new: int) -> None:
        """Keeps some rows, in the order given, and adds empty ones after them."""
        if len(rows) == 0:
            self._num_steps = 0
            self._joined_late = False
        elif num_new:
            self._joined_late = True
        self.positions = _select_rows(self.positions, rows, num_new, -1)
        self._layers = {
            index: KeysValues(
                _select_rows(layer.keys, rows, num_new, 0.0),
                _select_rows(layer.values, rows, num_new, 0.0),
            )
            for index, layer in self._layers.items()
        }

    def read(self, row: int, first: int, stop: int) -> list[KeysValues]:
        """Per layer, [1, key heads, tokens, dim] of a row's tokens by position."""
        positions = self.positions[row]
        columns = torch.nonzero((positions >= first) & (positions < stop)).squeeze(1)
        columns = columns[positions[columns].argsort()]
        return [
            KeysValues(
                layer.keys[row : row + 1, :, columns],
                layer.values[row : row + 1, :, columns],
            )
            for _, layer in sorted(self._layers.items())
        ]

    def _grow(self, capacity: int) -> None:
        more = capacity - self._capacity
        self.positions = torch.nn.functional.pad(self.positions, (0, more), value=-1)
        self._layers = {
            index: KeysValues(
                torch.nn.functional.pad(layer.keys, (0, 0, 0, more)),
                torch.nn.functional.pad(layer.values, (0, 0, 0, more)),
            )
            for index, layer in self._layers.items()
        }
        self._capacity = capacity

    def _find_mask(self, window: int | None, dtype: torch.dtype) -> torch.Tensor | None:
        """[rows, 1, 1, columns], added to the scores; None if a row sees them all."""
        reach = window if window is not None and window < self._num_steps else None
        if reach is None and not self._joined_late:
            return None
        if reach not in self._masks:
            positions = self.positions[:, : self.num_columns]
            is_seen = positions >= 0
            if reach is not None:
                now = self.positions[:, self._column, None]
                is_seen = is_seen & (now - positions < reach)
            self._masks[reach] = _make_mask(is_seen[:, None], 1, dtype)
        return self._masks[reach]


class DecodeAttention:
    """What the newest token of each row attends to."""

    def __init__(self, own: OwnTokens, shared: Sequence[SharedTokens]) -> None:
        self.own = own
        self.shared = shared

    def start_step(self, positions: torch.Tensor) -> None:
        """The rows' newest tokens are at ``positions``; a forward follows."""
        self.own.start_step(positions)
        for part in self.shared:
            part.start_step(positions)

    def attend(
        self,
        layer_index: int,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        *,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> torch.Tensor:
        """Output [1, rows, heads, dim] for queries [1, heads, rows, dim]."""
        _, heads, rows, dim = queries.shape
        key_heads = keys.shape[1]
        split = queries[0].transpose(0, 1).reshape(rows, key_heads, -1, dim)
        written = KeysValues(keys[0].transpose(0, 1), values[0].transpose(0, 1))
        merged = self.own.attend(layer_index, split, written, scale, window, softcap)
        for part in self.shared:
            found = part.attend(layer_index, split, scale, window, softcap)
            merged = merge(merged, found)
        return merged[0].reshape(1, rows, heads, -1)


def _find_places(trunk_of_row: torch.Tensor, per_trunk: torch.Tensor) -> torch.Tensor:
    """[rows], where each row stands if every trunk has as many slots as the fullest."""
    order = trunk_of_row.argsort(stable=True)
    trunks = trunk_of_row[order]
    starts = per_trunk.cumsum(0) - per_trunk
    rank = torch.arange(len(order), device=order.device) - starts[trunks]
    places = torch.empty_like(order)
    places[order] = trunks * per_trunk.max() + rank
    return places


def _make_mask(is_seen: torch.Tensor, repeats: int, dtype: torch.dtype) -> torch.Tensor:
    """[batch, 1, rows * repeats, keys] from [batch, rows, keys]."""
    mask = torch.zeros(is_seen.shape, dtype=dtype, device=is_seen.device)
    mask = mask.masked_fill(~is_seen, masked_score(dtype))
    return mask.repeat_interleave(repeats, dim=1)[:, None]


def _make_columns(written: KeysValues, capacity: int) -> KeysValues:
    rows, heads, _ = written.keys.shape
    return KeysValues(
        written.keys.new_zeros(rows, heads, capacity, written.keys.shape[-1]),
        written.values.new_zeros(rows, heads, capacity, written.values.shape[-1]),
    )


def _select_rows(
    rows: torch.Tensor, kept: torch.Tensor, num_new: int, value: float
) -> torch.Tensor:
    chosen = rows[kept]
    if num_new == 0:
        return chosen
    new = rows.new_full((num_new, *rows.shape[1:]), value)
    return torch.cat([chosen, new])
