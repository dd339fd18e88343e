"""Messages that say the same: the default verifier of turns that talk.

Text is where a lenient reward is first abused: a policy paid for any message stops
acting. So an empty message and a tool call spelt out as text fail under every rule,
and "any message" is a rule that must be asked for by name.
"""

import json
import re
import unicodedata

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.comparators import (
    AnyMessage,
    FactsMessage,
    RougeLMessage,
    TokenF1Message,
)
from pivotrl_pipeline.parameters.verifiers import MessageParameters
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.facts import FactsComparison
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.text_similarity import similarity

_TOOL_MARKS = re.compile(
    r"</?(?:tool_call|tool_response|function_calls?|(?:\w{1,16}:)?invoke"
    r"|\uff5ctool\u2581calls?)\b|<function=|<\|python_tag\|>|\[TOOL_CALLS\]",
    re.IGNORECASE,
)
_CALL_KEYS = frozenset(
    {"name", "function", "tool", "tool_name", "tool_calls", "function_call"}
)
_MAX_CALL_CHARACTERS = 20_000
_LETTER = re.compile(r"[^\W_]")
_MAX_PICTOGRAMS = 1_000


class MessageVerifier:
    """Compares two messages by the rule that the parameters name."""

    def __init__(self, parameters: MessageParameters) -> None:
        self.parameters = parameters
        self._facts = (
            FactsComparison(parameters.rule)
            if isinstance(parameters.rule, FactsMessage)
            else None
        )

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """EQUIVALENT, or what the message lacks, adds or pretends to be.

        Raises:
            VerifierError: If a tool call was demonstrated.
        """
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        if demonstrated_action.tool_calls:
            raise VerifierError(
                "A tool call was demonstrated, but message judges text alone; name a "
                "verifier for calls with by_action_type."
            )
        text = action.content or ""
        if not has_text(text):
            return Verdict(0.0, VerdictReason.EMPTY_MESSAGE)
        if is_tool_like(text):
            return Verdict(0.0, VerdictReason.TOOL_LIKE_MESSAGE)
        return self._compare(state, demonstrated_action.content or "", text)

    def _compare(self, state: State, demonstrated: str, text: str) -> Verdict:
        match self.parameters.rule:
            case AnyMessage():
                return Verdict(1.0, VerdictReason.EQUIVALENT)
            case (
                TokenF1Message(kind=measure, threshold=threshold)
                | RougeLMessage(kind=measure, threshold=threshold)
            ):
                value = similarity(measure, demonstrated, text)
                return _threshold(measure, value, threshold)
            case FactsMessage():
                assert self._facts is not None
                return self._facts.verdict(state, demonstrated, text)


def has_text(text: str) -> bool:
    """True if there is a letter, a digit or a pictogram; dots say nothing."""
    return _LETTER.search(text) is not None or any(
        unicodedata.category(character) == "So" for character in text[:_MAX_PICTOGRAMS]
    )


def is_tool_like(text: str) -> bool:
    """True if the text spells out a tool call, by its tags or as a JSON object."""
    if _TOOL_MARKS.search(text):
        return True
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```"):
        bare = bare.strip("`").removeprefix("json").strip()
    if not bare.startswith(("{", "[")) or len(bare) > _MAX_CALL_CHARACTERS:
        return False
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError):
        return False
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and not _CALL_KEYS.isdisjoint(first)


def _threshold(measure: str, value: float, threshold: float) -> Verdict:
    if value >= threshold:
        return Verdict(1.0, VerdictReason.EQUIVALENT)
    detail = f"{measure} {value:.2f}, expected at least {threshold:.2f}"
    return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, detail)
