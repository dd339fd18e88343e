"""The errors a caller may catch.

PivotRLError
├── ConfigurationError(ValueError)   a parameter or a combination is wrong
├── TrajectoryError(ValueError)      an input record is malformed
├── VerifierError(RuntimeError)      the verifier itself failed, not the action
└── PolicyError(RuntimeError)        sampling or loading failed

A message says where, what was found, what was expected and what to do. A bad action
is never an exception: it is a verdict with reward 0 and a reason.
"""

import difflib
from collections.abc import Iterable


class PivotRLError(Exception):
    """Anything this package raises on purpose."""


class ConfigurationError(PivotRLError, ValueError):
    """A parameter, or a combination of parameters, cannot work."""


class TrajectoryError(PivotRLError, ValueError):
    """An input record is malformed; ``reason`` is the slug of its rejected row."""

    def __init__(self, message: str, *, reason: str = "malformed_row") -> None:
        super().__init__(message)
        self.reason = reason


class VerifierError(PivotRLError, RuntimeError):
    """The verifier itself failed: the action was not judged."""


class PolicyError(PivotRLError, RuntimeError):
    """A policy cannot be loaded or cannot sample."""


def describe_choices(found: str, choices: Iterable[str]) -> str:
    """``choose from: a, b. Did you mean 'a'?``: how a wrong name's message ends."""
    options = sorted(choices)
    near = difflib.get_close_matches(found, options, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"choose from: {', '.join(options)}.{hint}"
