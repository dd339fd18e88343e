"""The lines that ingestion ends with."""

from collections.abc import Sequence

import pandas as pd

from pivotrl_pipeline.formats.base import FILTERS
from pivotrl_pipeline.formats.ingestion.conversion import RejectedRow


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


def render_duplicates(duplicates: pd.DataFrame, num_states: int) -> list[str]:
    """What occurs more than once, and where it is listed; nothing if nothing does.

    Args:
        duplicates: The table.
        num_states: Distinct states, repeated or not.
    """
    if not len(duplicates):
        return []
    is_state = duplicates["kind"] == "state"
    trajectories, states = duplicates[~is_state], duplicates[is_state]
    parts = []
    if len(trajectories):
        num_repeated = (trajectories["occurrences"] - 1).sum()
        parts.append(
            f"{num_repeated:,} trajectories repeat another under an id of their own."
        )
    if len(states):
        parts.append(
            f"{len(states):,} of {num_states:,} states occur at more than one turn."
        )
    contested = states[states["demonstrated_actions"] > 1]
    if len(contested):
        first = contested.iloc[0]
        parts.append(
            f"{len(contested):,} states have different demonstrated actions, for "
            f"example {first['first_id']} and {first['other_id']}."
        )
    return [" ".join([*parts, "They are listed in the table `duplicates`."])]


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
