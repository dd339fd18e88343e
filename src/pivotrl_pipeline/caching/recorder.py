"""Writes down what happens to nodes.

Order per node: mark, run, digest the outputs, check that nothing moved meanwhile,
replace the receipt, remove the mark. A kill at any point leaves no matching receipt, or
outputs that are not the recorded ones: the node runs again.
"""

import contextlib
import logging
from collections.abc import Mapping

from kedro.pipeline.node import Node

from .atomic import writes_in_place
from .cache import Cache
from .content import find_edited
from .data import MISSING
from .decisions import Decision
from .receipts import Receipt
from .recipe import Recipe
from .values import UnstableValueError

logger = logging.getLogger(__name__)


class Recorder:
    """Writes down what happens to nodes."""

    def __init__(self, cache: Cache, run_id: str, loaded_nanoseconds: int) -> None:
        self._cache = cache
        self._ports = cache.ports
        self._run_id = run_id
        self._loaded_nanoseconds = loaded_nanoseconds
        self._marked: set[str] = set()
        self.recorded: set[str] = set()
        """Names of the nodes that ran and need not run next time."""

    def start(self, node: Node) -> None:
        """Marks the node's outputs as being written."""
        locations = self._ports.locations(node)
        if locations:
            key = self._ports.key(node)
            self._marked.add(key)
            with contextlib.suppress(OSError):  # the mark only serves a warning
                self._cache.receipts.mark_running(key, node.name, locations)

    def finish(self, decision: Decision, seconds: float) -> Mapping[str, str | None]:
        """Writes the node's receipt, unless something moved under it."""
        node = decision.node
        if not self._ports.stored_outputs(node):
            return {}
        key = self._ports.key(node)
        try:
            outputs = self._ports.outputs(node)
        except UnstableValueError:
            outputs = {}
        problem = self._problem(decision, outputs)
        if problem or decision.recipe is None:
            self._cache.receipts.remove(key)
            if problem:
                logger.warning("%s runs again next time: %s.", node.name, problem)
        else:
            self._record(key, decision.recipe, node, outputs, seconds)
        self._cache.receipts.clear_running(key)
        self._marked.discard(key)
        self._cache.memory.save()
        return outputs or dict.fromkeys(self._ports.stored_outputs(node))

    def restore(self, decision: Decision) -> None:
        """Puts a node's previous outputs back."""
        paths = self._ports.paths(decision.node)
        kept = decision.kept
        if paths is None or kept is None:
            return
        key = self._ports.key(decision.node)
        in_place = self._in_place(decision.node)
        self._cache.store.restore(key, kept, paths, in_place=in_place)
        if self._ports.outputs(decision.node) != dict(kept.receipt.outputs):
            raise OSError("the restored content is not the recorded one")
        self._cache.receipts.write(key, kept.receipt)

    def clear_marks(self) -> None:
        """Forgets marks of nodes that failed in an orderly way."""
        for key in self._marked:
            self._cache.receipts.clear_running(key)

    def _record(
        self,
        key: str,
        recipe: Recipe,
        node: Node,
        outputs: dict[str, str],
        seconds: float,
    ) -> None:
        receipt = Receipt(
            node=node.name,
            ingredients=dict(recipe.ingredients),
            parameters=dict(recipe.parameters),
            symbols=dict(recipe.symbols),
            outputs=outputs,
            seconds=round(seconds, 3),
            run_id=self._run_id,
        )
        try:
            self._cache.receipts.write(key, receipt)
        except OSError as error:
            logger.warning(
                "%s runs again next time: its receipt was not written (%s).",
                node.name,
                error,
            )
            return
        if not self._cache.decider.runs_again(node):
            self.recorded.add(node.name)
        paths = self._ports.paths(node)
        if paths is not None:
            with contextlib.suppress(OSError):
                in_place = self._in_place(node)
                self._cache.store.keep(key, receipt, paths, in_place=in_place)

    def _in_place(self, node: Node) -> set[str]:
        return {n for n in node.outputs if writes_in_place(self._cache.catalog, n)}

    def _problem(self, decision: Decision, outputs: Mapping[str, str]) -> str:
        """Why no receipt can be written: something changed while the node ran."""
        recipe = decision.recipe
        if recipe is None:
            return ""
        missing = [name for name, digest in outputs.items() if digest == MISSING]
        if missing:
            return f"output {missing[0]!r} was not written"
        for name in filter(self._ports.is_stored, self._ports.inputs(decision.node)):
            if self._ports.digest(name) != recipe.ingredients[f"input {name}"]:
                return f"input {name!r} was modified while it ran"
        since = self._loaded_nanoseconds
        edited = find_edited(recipe.files, since_nanoseconds=since)
        return f"{edited.name} was edited after it was loaded" if edited else ""
