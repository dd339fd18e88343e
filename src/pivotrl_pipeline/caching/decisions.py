"""Whether a node runs, is skipped or has its previous outputs restored, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from .data import MISSING
from .entries import plain_name
from .ports import Ports
from .reasons import differences
from .receipts import Receipt, Receipts
from .recipe import Recipe, Recipes
from .store import Kept, Store
from .values import UnstableValueError, digest_text

Action = Literal["run", "skip", "restore", "maybe", "on demand"]
Settled = Mapping[str, str | None]
"""Dataset → digest of its content; ``None`` where that cannot be known."""

ALWAYS_TAG = "always"


@dataclass(frozen=True)
class Decision:
    """What is to be done with one node."""

    node: Node
    action: Action
    reasons: tuple[str, ...] = ()
    recipe: Recipe | None = None
    receipt: Receipt | None = None
    kept: Kept | None = None
    is_forced: bool = False
    """It runs whatever its receipt says, because its result may differ each time."""

    @property
    def known_outputs(self) -> dict[str, str | None]:
        """Digests of the stored outputs of a node that does not run."""
        receipt = self.kept.receipt if self.action == "restore" and self.kept else None
        receipt = self.receipt if self.action == "skip" else receipt
        outputs = receipt.outputs if receipt is not None else {}
        return {plain_name(name): digest for name, digest in outputs.items()}

    @property
    def saved_seconds(self) -> float:
        """Seconds that not running the node saves."""
        if self.action == "restore" and self.kept is not None:
            return self.kept.receipt.seconds
        return self.receipt.seconds if self.action == "skip" and self.receipt else 0.0


class Decider:
    """Decides about the nodes of one pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        ports: Ports,
        recipes: Recipes,
        receipts: Receipts,
        store: Store,
        *,
        refresh: Iterable[str] = (),
        prefix: str = "",
    ) -> None:
        """Decides by comparing recipes with receipts.

        Args:
            pipeline: The nodes.
            ports: Where their inputs and outputs lie.
            recipes: What their outputs depend on today.
            receipts: What the outputs that are there were made from.
            store: Previous outputs.
            refresh: Names of nodes that run whatever their receipts say.
            prefix: Left out of the names of symbols in reasons.
        """
        self.ports = ports
        self._consumed = {
            plain_name(name) for node in pipeline.nodes for name in node.inputs
        }
        self._recipes = recipes
        self._receipts = receipts
        self._store = store
        self._refresh = frozenset(refresh)
        self._prefix = prefix

    def decide(self, node: Node, settled: Settled) -> Decision:
        """Decides about one node from the contents of its inputs.

        Inputs that ``settled`` does not name are not known yet: then the node is run
        if that is certain already, and ``maybe`` otherwise.
        """
        unknown = [n for n in self.ports.inputs(node) if plain_name(n) not in settled]
        try:
            recipe = self._recipe(node, settled)
            forced = self._refreshed(node) or self._side_effect(node)
            reason = forced or self._loss(node)
            if reason:
                return Decision(node, "run", (reason,), recipe, is_forced=bool(forced))
            if not self.ports.stored_outputs(node):
                return Decision(node, "on demand", (), recipe)
            return self._compare(node, recipe, unknown)
        except UnstableValueError as error:
            return Decision(node, "run", (str(error),))

    def _compare(self, node: Node, recipe: Recipe, unknown: list[str]) -> Decision:
        """Decides from the receipt, what is there and what is kept."""
        receipt = self._receipts.read(self.ports.key(node))
        reasons = self._reasons(node, recipe, receipt, unknown)
        if unknown and not reasons:
            reason = f"if {', '.join(map(repr, unknown))} changes"
            return Decision(node, "maybe", (reason,), recipe, receipt)
        if not reasons:
            return Decision(node, "skip", (), recipe, receipt)
        kept = None if unknown else self._previous(node, recipe)
        action: Action = "restore" if kept else "run"
        return Decision(node, action, tuple(reasons), recipe, receipt, kept)

    def settle_memory(self, node: Node, decision: Decision) -> dict[str, str | None]:
        """In-memory outputs are known by how they are made, unless that was forced."""
        recipe = None if decision.is_forced else decision.recipe
        return {
            plain_name(name): digest_text("made", recipe.digest, str(index))
            if recipe is not None
            else None
            for index, name in enumerate(self.ports.memory_outputs(node))
        }

    def _recipe(self, node: Node, settled: Settled) -> Recipe:
        known: dict[str, str] = {}
        for name in self.ports.inputs(node):
            digest = settled.get(plain_name(name), MISSING)
            if digest is None:
                raise UnstableValueError(f"input {name!r} cannot be fingerprinted")
            if plain_name(name) in settled:
                known[name] = digest
        return self._recipes.of(node).with_inputs(known)

    def runs_again(self, node: Node) -> bool:
        """Whether the node runs next time, although nothing changes."""
        return bool(self._side_effect(node) or self._loss(node))

    def _refreshed(self, node: Node) -> str:
        is_named = node.name in self._refresh or "all" in self._refresh
        return "refresh asked for" if is_named else ""

    @staticmethod
    def _side_effect(node: Node) -> str:
        if ALWAYS_TAG in node.tags:
            return f"tagged {ALWAYS_TAG!r}"
        if not node.outputs:
            return "has no outputs"
        if node.confirms:
            return "confirms datasets"
        return ""

    def _loss(self, node: Node) -> str:
        """Only the caller of a run can want such an output, and has it from nowhere."""
        for name in self.ports.memory_outputs(node):
            if plain_name(name) not in self._consumed:
                return f"nothing stores or uses its output {name!r}"
        return ""

    def _reasons(
        self, node: Node, recipe: Recipe, receipt: Receipt | None, unknown: list[str]
    ) -> list[str]:
        if receipt is None:
            return ["no record of an earlier run"]
        reasons = differences(
            receipt.recipe, recipe, unknown=unknown, prefix=self._prefix
        )
        for name in self.ports.stored_outputs(node):
            now = self.ports.digest(name)
            if now == MISSING:
                reasons.append(f"output {name!r} was deleted")
            elif now != receipt.outputs.get(name):
                reasons.append(f"output {name!r} was modified")
        return reasons

    def _previous(self, node: Node, recipe: Recipe) -> Kept | None:
        if self.ports.paths(node) is None:
            return None
        kept = self._store.find(self.ports.key(node), recipe.digest)
        return kept if kept and set(kept.files) == set(node.outputs) else None


class EveryNode(Decider):
    """Runs every node, for runs without the cache."""

    def decide(self, node: Node, settled: Settled) -> Decision:
        """Always ``run``."""
        return Decision(node, "run", is_forced=True)


def plan(pipeline: Pipeline, decider: Decider) -> list[Decision]:
    """What a run would do, as far as that is known before it starts."""
    settled = settle_inputs(pipeline, decider.ports)
    decisions = []
    for node in pipeline.nodes:
        decision = decider.decide(node, settled)
        decisions.append(decision)
        if decision.action in {"skip", "on demand"}:
            settled |= decider.settle_memory(node, decision)
        settled |= decision.known_outputs
    return decisions


def settle_inputs(pipeline: Pipeline, ports: Ports) -> dict[str, str | None]:
    """Digests of the datasets that no node of the pipeline makes."""
    settled: dict[str, str | None] = {}
    made = {plain_name(name) for node in pipeline.nodes for name in node.outputs}
    for name in (name for node in pipeline.nodes for name in ports.inputs(node)):
        if plain_name(name) not in made and plain_name(name) not in settled:
            try:
                settled[plain_name(name)] = ports.digest(name)
            except UnstableValueError:
                settled[plain_name(name)] = None
    return settled
