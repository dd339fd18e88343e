"""Receipts: what made the outputs that lie at some locations.

One JSON file per set of output locations, relative to the project, so that the
project can be moved, each environment has its own, and a node can be renamed.
"""

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .partial import partial_path
from .recipe import Recipe
from .values import digest_text


@dataclass(frozen=True)
class Receipt:
    """One node's last finished run."""

    node: str
    ingredients: Mapping[str, str]
    parameters: Mapping[str, str]
    symbols: Mapping[str, str]
    outputs: Mapping[str, str]
    """Dataset name → digest of the content that was saved."""
    seconds: float
    run_id: str

    @property
    def recipe(self) -> Recipe:
        """The recipe that the node followed."""
        return Recipe(self.ingredients, self.parameters, self.symbols)


class Receipts:
    """The receipts below one folder, and marks of nodes that are running."""

    def __init__(self, folder: Path) -> None:
        self._receipts = folder / "receipts"
        self._running = folder / "running"

    @staticmethod
    def key(locations: Iterable[str]) -> str:
        """The name under which a node with these output locations is kept."""
        return digest_text(*sorted(locations))[:40]

    def read(self, key: str) -> Receipt | None:
        """The receipt, or ``None`` if there is none that can be read."""
        return receipt_from(read_json(self._receipts / f"{key}.json"))

    def write(self, key: str, receipt: Receipt) -> None:
        """Replaces the receipt in one step."""
        write_json(self._receipts / f"{key}.json", dataclasses.asdict(receipt))

    def remove(self, key: str) -> None:
        """Forgets the receipt, so that its node runs again."""
        with contextlib.suppress(OSError):
            (self._receipts / f"{key}.json").unlink()

    def all(self) -> dict[str, Receipt]:
        """Every receipt by its key."""
        found = {
            p.stem: self.read(p.stem) for p in sorted(self._receipts.glob("*.json"))
        }
        return {key: receipt for key, receipt in found.items() if receipt is not None}

    def mark_running(self, key: str, node: str, locations: Iterable[str]) -> None:
        """Notes that the node is about to write these locations."""
        mark = {"node": node, "locations": sorted(locations)}
        write_json(self._running / f"{key}.json", mark)

    def clear_running(self, key: str) -> None:
        """Notes that the node has finished or failed in an orderly way."""
        with contextlib.suppress(OSError):
            (self._running / f"{key}.json").unlink()

    def interrupted(self) -> dict[str, str]:
        """Location → name of the node that was killed while writing it."""
        found: dict[str, str] = {}
        with contextlib.suppress(OSError):
            for file in self._running.iterdir():
                mark = read_json(file)
                if mark is not None:
                    found |= dict.fromkeys(mark["locations"], mark["node"])
        return found


def receipt_from(value: Any) -> Receipt | None:
    """A receipt from its JSON form, ``None`` if that is damaged."""
    try:
        return Receipt(**value)
    except TypeError:
        return None


def write_json(path: Path, value: object) -> None:
    """Writes beside the file and renames, so that it is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """The file's JSON value, ``None`` if there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
