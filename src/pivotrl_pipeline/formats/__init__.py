"""Formats of trajectories and of actions in text, one module each.

To add a format of trajectories: a module with a reader and a writer between its rows
and `RawTrajectory`, and a line in `FORMATS`.
"""

from pivotrl_pipeline.errors import (
    ConfigurationError,
    TrajectoryError,
    describe_choices,
)
from pivotrl_pipeline.formats.atif import ATIF
from pivotrl_pipeline.formats.base import Format, RejectionReason
from pivotrl_pipeline.formats.nemo_gym_pivots import NEMO_GYM_PIVOTS
from pivotrl_pipeline.formats.nemo_gym_runs import NEMO_GYM_RUNS
from pivotrl_pipeline.formats.openai_chat import OPENAI
from pivotrl_pipeline.formats.sharegpt import SHAREGPT
from pivotrl_pipeline.formats.tagged_chat import HERMES, QWEN3_CODER
from pivotrl_pipeline.formats.tau_bench import TAU_BENCH
from pivotrl_pipeline.formats.trl_chat import TRL
from pivotrl_pipeline.records.messages import JsonObject

FORMATS: dict[str, Format] = {
    # The order is that of detection: from the most to the least particular.
    format_.name: format_
    for format_ in (
        NEMO_GYM_RUNS,
        NEMO_GYM_PIVOTS,
        TAU_BENCH,
        ATIF,
        SHAREGPT,
        QWEN3_CODER,
        HERMES,
        TRL,
        OPENAI,
    )
}
DETECT = "detect"
"""The name that lets the first row decide."""


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        ConfigurationError: If there is none.
    """
    if name not in FORMATS:
        raise ConfigurationError(
            f"Unknown format {name!r} in ingestion.format; "
            f"{describe_choices(name, [*FORMATS, DETECT])}"
        )
    return FORMATS[name]


def detect_format(row: JsonObject) -> Format:
    """The first format that recognises the row.

    Raises:
        TrajectoryError: If none does.
    """
    for candidate in FORMATS.values():
        if candidate.recognises(row):
            return candidate
    raise TrajectoryError(
        f"no format has the keys {', '.join(sorted(row)) or '(none)'}; known formats "
        f"are {', '.join(sorted(FORMATS))}: name one in ingestion.format or rename "
        f"the keys.",
        reason=RejectionReason.MALFORMED_ROW,
    )
