"""The lines that ingestion ends with."""

from collections.abc import Sequence

from pivotrl_pipeline.formats.base import FILTERS
from pivotrl_pipeline.formats.ingestion.conversion import RejectedRow
from pivotrl_pipeline.formats.ingestion.duplicates import StateReport


def render_reasons(rejected: Sequence[RejectedRow]) -> str:
    """A Markdown table: each reason, how often, and its first row."""
    by_reason: dict[str, list[RejectedRow]] = {}
    for row in rejected:
        by_reason.setdefault(row.reason, []).append(row)
    lines = ["| reason | rows | first |", "|---|--:|---|"]
    for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        first = min(rows, key=lambda row: row.position).detail.replace("|", r"\|")
        kind = " (filter)" if reason in FILTERS else ""
        lines.append(f"| {reason}{kind} | {len(rows):,} | {first} |")
    return "\n".join(lines)


def render_counts(
    *, num_rows: int, num_trajectories: int, num_candidates: int, format_name: str
) -> str:
    """What came in and what came out."""
    return (
        f"{num_trajectories:,} trajectories with {num_candidates:,} assistant turns "
        f"from {num_rows:,} rows in format {format_name}."
    )


def render_duplicates(
    states: StateReport, num_repeated: int, contested: tuple[str, str] | None
) -> list[str]:
    """What occurs more than once; nothing where nothing does."""
    lines = []
    if num_repeated:
        lines.append(
            f"{num_repeated:,} trajectories repeat another under an id of their own."
        )
    if states.num_repeated:
        lines.append(
            f"{states.num_repeated:,} of {states.num_states:,} states occur at more "
            f"than one turn."
        )
    if contested is not None:
        lines.append(
            f"{states.num_contested:,} states have different demonstrated actions, "
            f"for example {contested[0]} and {contested[1]}."
        )
    return lines


def render_unoffered(num_calls: int, num_trajectories: int) -> list[str]:
    """How many calls use a tool that their trajectory does not list."""
    if not num_calls:
        return []
    return [
        f"{num_calls:,} calls in {num_trajectories:,} trajectories use a tool that "
        f"the trajectory does not list: their states render without it. Give the "
        f"schemas in raw_tools."
    ]


def render_rejected(rejected: Sequence[RejectedRow], num_rows: int) -> list[str]:
    """How many rows were left out, and the table of reasons."""
    if not rejected:
        return []
    share = len(rejected) / num_rows
    counts = f"{len(rejected):,} of {num_rows:,} rows were left out ({share:.1%}):"
    return [f"{counts}\n{render_reasons(rejected)}"]
