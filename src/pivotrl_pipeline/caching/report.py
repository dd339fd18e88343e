"""What a run says: its plan at the start, a line per node, a summary at the end."""

import logging
import shutil
import textwrap
from collections.abc import Collection, Iterable, Sequence

from .decisions import Action, Decision
from .progress import Progress
from .recipe import Recipe

logger = logging.getLogger(__name__)

_MOST_LINES = 60
_MOST_REASONS = 2
_LEAST_COLUMNS = 60
_WORD_WIDTH = 8
_NAME_WIDTH = 34
_INGREDIENT_WIDTH = 48
_WORDS: dict[Action, str] = {
    "run": "run",
    "skip": "skip",
    "restore": "restore",
    "maybe": "run?",
    "on demand": "demand",
}
_REASONS: dict[Action, str] = {
    "skip": "unchanged",
    "on demand": "only if a node that runs needs it",
}


def describe_plan(decisions: Sequence[Decision]) -> list[str]:
    """A line per node: what is done with it, and why."""
    shown = list(decisions)
    if len(shown) > _MOST_LINES:
        shown = [d for d in shown if d.action != "skip"][:_MOST_LINES]
    width = min(_NAME_WIDTH, max((len(d.node.name) for d in shown), default=0))
    lines = [line for decision in shown for line in _lines(decision, width)]
    hidden = len(decisions) - len(shown)
    return lines + ([f"and {hidden} more"] if hidden else [])


def _lines(decision: Decision, width: int) -> list[str]:
    """The verdict with the first reasons, wrapped below themselves."""
    shown = [*decision.reasons[:_MOST_REASONS]]
    if len(decision.reasons) > _MOST_REASONS:
        shown.append(f"{len(decision.reasons) - _MOST_REASONS} more")
    reasons = "; ".join(shown) or _REASONS.get(decision.action, "")
    head = f"{_WORDS[decision.action]:<{_WORD_WIDTH}}{decision.node.name:<{width}}  "
    columns = max(shutil.get_terminal_size().columns, _LEAST_COLUMNS) - 1
    return textwrap.wrap(
        head + reasons,
        columns,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def log_plan(decisions: Sequence[Decision]) -> None:
    """Logs the plan, headed by how many nodes run."""
    counts = dict.fromkeys(("run", "restore", "skip"), 0)
    for decision in decisions:
        if decision.action in counts:
            counts[decision.action] += 1
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    _log([f"Plan: {_count_nodes(len(decisions))} ({told or 'none certain'})"])
    _log(describe_plan(decisions))


def describe_seconds(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def describe_size(num_bytes: float) -> str:
    """``0 kB``, ``12 MB`` or ``3.4 GB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.3g} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def describe_decision(decision: Decision) -> list[str]:
    """Everything that is known of one node: verdict, receipt and recipe."""
    lines = [f"{_WORDS[decision.action]:<{_WORD_WIDTH}}{decision.node.name}"]
    lines += [f"  {reason}" for reason in decision.reasons]
    if decision.receipt is not None:
        seconds = describe_seconds(decision.receipt.seconds)
        lines.append(f"last run: {decision.receipt.run_id}, {seconds}")
    recipe = decision.recipe
    if recipe is None:
        return lines
    before = decision.receipt.ingredients if decision.receipt else {}
    for name, digest in sorted(recipe.ingredients.items()):
        mark = " " if not before or before.get(name) == digest else "*"
        lines.append(f"{mark} {name:<{_INGREDIENT_WIDTH}} {digest[:12]}")
        if name == "code":
            lines += _describe_symbols(decision, recipe)
    return lines


def _describe_symbols(decision: Decision, recipe: Recipe) -> list[str]:
    before = decision.receipt.symbols if decision.receipt else recipe.symbols
    return [
        f"{' ' if before.get(name) == recipe.symbols.get(name) else '*'}   {name}"
        for name in sorted({*recipe.symbols, *before})
    ]


class Report(Progress):
    """Logs each node that runs, and keeps count for the summary."""

    def __init__(self) -> None:
        self._last: dict[str, Decision] = {}
        self._running: dict[str, None] = {}
        self._ran_seconds: dict[str, float] = {}

    def decided(self, decision: Decision) -> None:
        self._last[decision.node.name] = decision
        if decision.action == "restore":
            _log([f"restored {decision.node.name}"])

    def started(self, decision: Decision) -> None:
        self._running[decision.node.name] = None
        _log([f"Running {decision.node.name}"])

    def finished(self, decision: Decision, seconds: float) -> None:
        del self._running[decision.node.name]
        self._ran_seconds[decision.node.name] = seconds
        _log([f"Finished {decision.node.name} in {describe_seconds(seconds)}"])

    def ran(self) -> list[str]:
        """Names of the nodes that ran, in the order in which they ended."""
        return list(self._ran_seconds)

    def log_failure(self, recorded: Collection[str]) -> None:
        """Logs which nodes failed, and how many others need not run again.

        Args:
            recorded: Names of the nodes whose receipts hold.
        """
        if not self._running and not self._ran_seconds:
            return
        failed = f"Failed in {', '.join(self._running)}" if self._running else "Failed"
        kept = sum(name in recorded for name in self._ran_seconds)
        if kept:
            verb = "is" if kept == 1 else "are"
            failed += f"; {_count_nodes(kept)} that finished {verb} skipped next time"
        _log([f"{failed}."])

    def log_summary(self) -> None:
        """Logs what ran, what was skipped or restored, and the time saved."""
        others = [d for n, d in self._last.items() if n not in self._ran_seconds]
        log_outcome(others, self._ran_seconds)


def log_outcome(not_run: Iterable[Decision], ran_seconds: dict[str, float]) -> None:
    """Logs the summary of a run."""
    decisions = list(not_run)
    skipped = [d for d in decisions if d.action == "skip"]
    restored = [d for d in decisions if d.action == "restore"]
    unneeded = [d for d in decisions if d.action == "on demand"]
    parts = [
        f"{len(ran_seconds)} ran ({describe_seconds(sum(ran_seconds.values()))})",
        f"{len(skipped)} skipped",
        f"{len(restored)} restored",
        f"{len(unneeded)} not needed",
    ]
    told = [part for part in parts if not part.startswith("0 ")]
    saved = sum(decision.saved_seconds for decision in decisions)
    _log([f"Done: {', '.join(told)}; {describe_seconds(saved)} saved."])


def _count_nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes"


def _log(lines: Iterable[str]) -> None:
    for line in lines:
        logger.info("%s", line, extra={"markup": False, "highlighter": None})
