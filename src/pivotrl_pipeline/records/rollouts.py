"""Sampled actions and the verdicts on them."""

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why sampling of an action ended."""

    STOP = "stop"
    """The policy emitted a stop token."""
    LENGTH = "length"
    """The token limit was reached first."""
    ERROR = "error"
    """Nothing was sampled; the rollout's ``error`` says why."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One action sampled at a candidate's state."""

    candidate_id: str
    sample_index: int
    token_ids: tuple[int, ...]
    """As sampled, the stop token included; never decoded and re-encoded."""
    logprobs: tuple[float, ...]
    """Natural log, one per token, under the distribution that was sampled from
    (after temperature and top-p)."""
    text: str
    """Decoded with special tokens, without the final stop token."""
    finish_reason: FinishReason
    error: str | None = None


class VerdictReason(StrEnum):
    """Why an action got its reward. The slug is what stands in the tables."""

    EQUIVALENT = "equivalent"
    """Does what the demonstrated action does."""
    UNPARSEABLE_ACTION = "unparseable_action"
    """The text is no action: an unclosed tag, arguments that are not JSON."""
    TRUNCATED_ACTION = "truncated_action"
    """The token limit cut the action off."""
    CALL_EXPECTED = "call_expected"
    """The policy spoke where a tool call was demonstrated."""
    MESSAGE_EXPECTED = "message_expected"
    """The policy called a tool where a message was demonstrated."""
    WRONG_TOOL = "wrong_tool"
    """No demonstrated call uses this tool."""
    UNKNOWN_TOOL = "unknown_tool"
    """The state offers no tool of this name."""
    SCHEMA_VIOLATION = "schema_violation"
    """The tool's JSON Schema forbids these arguments."""
    ARGUMENT_MISMATCH = "argument_mismatch"
    """The right tool with arguments that mean something else."""
    MISSING_CALL = "missing_call"
    """A demonstrated call has no counterpart."""
    SURPLUS_CALL = "surplus_call"
    """A call that was not demonstrated."""
    EMPTY_MESSAGE = "empty_message"
    """A message without text."""
    MESSAGE_MISMATCH = "message_mismatch"
    """The message says something else."""
    TEXT_MISMATCH = "text_mismatch"
    """Not the same text, where only the same text counts."""
    TOOL_LIKE_MESSAGE = "tool_like_message"
    """A message that spells out a tool call instead of making one."""
    FACT_MISMATCH = "fact_mismatch"
    """An id, number, date or outcome of the message is missing, changed or added."""
    COMMAND_MISMATCH = "command_mismatch"
    """A shell command that does something else."""
    COMPLETION_MISMATCH = "completion_mismatch"
    """Declares the task complete where it is not, or the reverse."""
    TARGET_MISMATCH = "target_mismatch"
    """The right kind of edit or look-up on another file."""
    EDIT_MISMATCH = "edit_mismatch"
    """An edit of the right file that writes or replaces something else."""
    RESULT_MISMATCH = "result_mismatch"
    """A query whose result differs."""
    OUTCOME_MISMATCH = "outcome_mismatch"
    """Leaves the world in another state, or is told something else by it."""
    JUDGED_DIFFERENT = "judged_different"
    """The language-model judge found the actions not equivalent."""
    REFUSED = "refused"
    """Refused by a verifier of the project's own that gave no reason of this list."""
    NOT_JUDGED = "not_judged"
    """Nothing was sampled, or the verifier could not be reached: no reward."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verifier's judgement of one action."""

    reward: float | None
    """In [0, 1]; None excludes the sample from the statistics (the verifier could
    not be reached), which is counted."""
    reason: VerdictReason
    detail: str = ""
    """What differed, for a person; empty where the reason says it all."""
