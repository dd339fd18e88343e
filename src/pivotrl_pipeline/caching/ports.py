"""What a node loads and saves: which datasets, where they lie, what they hold."""

from pathlib import Path

from kedro.pipeline.node import Node

from .data import Data
from .entries import Entries
from .receipts import Receipts


class Ports:
    """The inputs and outputs of one project's nodes."""

    def __init__(self, entries: Entries, data: Data, project_path: Path) -> None:
        self._entries = entries
        self._data = data
        self._project_path = project_path

    def digest(self, name: str) -> str:
        """Digest of what the dataset holds now; ``MISSING`` if nothing.

        Raises:
            UnstableValueError: If it cannot be fingerprinted.
        """
        return self._data.digest(name)

    def is_stored(self, name: str) -> bool:
        """Whether what the dataset holds outlives the process."""
        return self._entries[name].is_stored

    def inputs(self, node: Node) -> list[str]:
        """The datasets, not parameters, that the node loads."""
        names = dict.fromkeys(node.inputs)
        return [name for name in names if self._entries[name].kind != "parameter"]

    def stored_outputs(self, node: Node) -> list[str]:
        """The node's outputs that outlive the process."""
        return [name for name in node.outputs if self.is_stored(name)]

    def memory_outputs(self, node: Node) -> list[str]:
        """The node's outputs that do not."""
        return [name for name in node.outputs if not self.is_stored(name)]

    def key(self, node: Node) -> str:
        """The name of the node's receipt."""
        return Receipts.key(self.locations(node))

    def locations(self, node: Node) -> list[str]:
        """Where the node's outputs lie, relative to the project if inside it."""
        return [self.location(name) for name in self.stored_outputs(node)]

    def location(self, name: str) -> str:
        """Where the dataset lies, relative to the project if inside it."""
        entry = self._entries[name]
        try:
            return Path(entry.location).relative_to(self._project_path).as_posix()
        except ValueError:
            return entry.location or entry.name

    def paths(self, node: Node) -> dict[str, Path] | None:
        """Local paths of the outputs; ``None`` unless all can be put back as files."""
        entries = [self._entries[name] for name in node.outputs]
        if any(
            entry.is_versioned or not self._data.is_file(entry) for entry in entries
        ):
            return None
        return {entry.name: entry.path for entry in entries}

    def outputs(self, node: Node) -> dict[str, str]:
        """Digests of the stored outputs as they are now.

        Raises:
            UnstableValueError: If one cannot be fingerprinted.
        """
        return {name: self._data.digest(name) for name in self.stored_outputs(node)}
