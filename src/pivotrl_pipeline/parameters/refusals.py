"""What Pydantic found wrong, in the words of the YAML file."""

from pydantic import ValidationError

_OWN = "Value error, "
_FOUND_WIDTH = 60


def describe_refusal(error: ValidationError, section: str) -> str:
    """A line for each wrong value: where it stands, what it is, what may stand there.

    Args:
        error: From validating the section's content.
        section: Top key of the YAML file.
    """
    return "\n".join(
        f"{'.'.join(map(str, (section, *found['loc'])))}: "
        f"{_describe_value(found['type'], found['input'])}"
        f"{found['msg'].removeprefix(_OWN)}"
        for found in error.errors(include_url=False)
    )


def _describe_value(kind: str, value: object) -> str:
    """Nothing for what says it itself, or what is not there."""
    if kind in {"value_error", "missing"}:
        return ""
    text = repr(value)
    shown = text if len(text) <= _FOUND_WIDTH else f"{text[: _FOUND_WIDTH - 1]}…"
    return f"found {shown}. "
