"""Steps of coding agents: right kind, right file, similar text.

Similarity is a coarse measure: a changed operator is one token. Raise the threshold to
1 where only white space between tokens may differ. What is written is compared on both
sides of a replacement, so a right new text on a wrong old one fails, and a field that
the sampled step leaves out is a mismatch, never a pass.
"""

import re
from collections.abc import Sequence

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import CodeEditParameters
from pivotrl_pipeline.records.messages import Action, JsonValue, ToolCall
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.arguments import ArgumentComparison
from pivotrl_pipeline.verifiers.coding_steps import (
    FIELDS_BY_CATEGORY,
    CodingStep,
    read_step,
)
from pivotrl_pipeline.verifiers.comparators import (
    equal_trimmed,
    same_command,
    same_path,
)
from pivotrl_pipeline.verifiers.json_values import describe, json_equal
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.matching import match_most
from pivotrl_pipeline.verifiers.text_similarity import rouge_l
from pivotrl_pipeline.verifiers.tool_call import refuse_forbidden
from pivotrl_pipeline.verifiers.tool_index import ToolIndex

_CODE_TOKEN = re.compile(r"^[ \t]+(?=\S)|\w+|[^\w\s]", re.MULTILINE)
_MAX_CHARACTERS = 10_000
_MAX_TOKENS = 10_000
_MAX_STEPS = 64

_Difference = tuple[VerdictReason, str]


class CodeEditVerifier:
    """Compares the steps that two actions make.

    A step that finishes or thinks passes whatever it says; leave such tools out of the
    parameters where that must not be.
    """

    def __init__(self, parameters: CodeEditParameters) -> None:
        self.parameters = parameters
        self._tools = ToolIndex(
            lambda name, schema: ArgumentComparison(name, schema, (), equal_trimmed)
        )
        self._same_path = same_path(root=parameters.root)
        runs_commands = any(tool.category == "run" for tool in parameters.tools)
        self._same_command = (
            same_command(directory=parameters.root, keeps_directory=False)
            if runs_commands
            else equal_trimmed
        )

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """EQUIVALENT, or the first step that has no counterpart.

        Raises:
            VerifierError: If the demonstrated action uses a tool that the parameters
                do not name.
        """
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is None:
            refusal = refuse_forbidden(self._tools, state, action.tool_calls)
        if refusal is not None:
            return refusal
        expected = [
            self._demonstrated_step(call) for call in _calls_of(demonstrated_action)
        ]
        found = [read_step(call, self.parameters.tools) for call in action.tool_calls]
        if len(found) < len(expected):
            return Verdict(0.0, VerdictReason.MISSING_CALL, f"{len(found)} steps")
        if len(found) > len(expected):
            return Verdict(0.0, VerdictReason.SURPLUS_CALL, f"{len(found)} steps")
        if len(expected) == 1:
            return _as_verdict(self._difference(expected[0], found[0]))
        return self._match(expected, found)

    def _demonstrated_step(self, call: ToolCall) -> CodingStep:
        step = read_step(call, self.parameters.tools)
        if step is None:
            raise VerifierError(
                f"The demonstrated call of {call.name!r} is no step that code_edit "
                "knows; add the tool (and its sub-command) to `tools`."
            )
        return step

    def _match(
        self, expected: Sequence[CodingStep], found: Sequence[CodingStep | None]
    ) -> Verdict:
        """Steps in any order: agents batch edits that do not depend on each other."""
        if len(expected) > _MAX_STEPS:
            return Verdict(0.0, VerdictReason.SURPLUS_CALL, f"{len(found)} steps")
        differences = [
            [self._difference(left, right) for right in found] for left in expected
        ]
        partners = [
            [right for right, difference in enumerate(row) if difference is None]
            for row in differences
        ]
        matched = set(match_most(partners).values())
        for left, row in enumerate(differences):
            if left not in matched:
                return _as_verdict(row[left] or next(filter(None, row)))
        return _as_verdict(None)

    def _difference(
        self, expected: CodingStep, found: CodingStep | None
    ) -> _Difference | None:
        if found is None or found.category != expected.category:
            kind = "unknown tool" if found is None else found.category
            return VerdictReason.WRONG_TOOL, f"{kind}, expected {expected.category}"
        for name in FIELDS_BY_CATEGORY[expected.category]:
            if name not in found.fields or name not in expected.fields:
                return _reason_of(name), f"{name}: left out"
            if not self._same_field(name, expected.fields[name], found.fields[name]):
                shown = describe(found.fields[name])
                return _reason_of(name), f"{name}: found {shown}"
        if expected.category == "edit" and found.fields["old"] == found.fields["new"]:
            return VerdictReason.EDIT_MISMATCH, "replaces a text with itself"
        return self._difference_of_places(expected, found)

    def _difference_of_places(
        self, expected: CodingStep, found: CodingStep
    ) -> _Difference | None:
        if expected.category == "read" and not self._shows_enough(expected, found):
            shown = found.lines or "no readable range"
            return VerdictReason.TARGET_MISMATCH, f"lines: found {shown}"
        if expected.category == "insert" and not json_equal(expected.line, found.line):
            return VerdictReason.TARGET_MISMATCH, f"line: found {describe(found.line)}"
        if expected.category == "search" and not self._same_path(
            expected.place or ".", found.place or "."
        ):
            return VerdictReason.TARGET_MISMATCH, f"path: found {describe(found.place)}"
        return None

    def _same_field(self, name: str, expected: JsonValue, found: JsonValue) -> bool:
        if name == "path":
            return self._same_path(expected, found)
        if name == "command":
            return self._same_command(expected, found)
        if name == "pattern":
            return equal_trimmed(expected, found)
        if not isinstance(expected, str) or not isinstance(found, str):
            return False
        return code_similarity(expected, found) >= self.parameters.similarity

    def _shows_enough(self, expected: CodingStep, found: CodingStep) -> bool:
        if expected.lines is None:
            return json_equal(expected.line_range, found.line_range)
        if found.lines is None:
            return False
        (first, last), (other_first, other_last) = expected.lines, found.lines
        if last == float("inf"):
            return other_last == last and other_first <= first
        shown = min(last, other_last) - max(first, other_first) + 1
        return shown >= self.parameters.range_coverage * (last - first + 1)


def code_similarity(demonstrated: str, sampled: str) -> float:
    """Twice the longest common subsequence of code tokens over both lengths.

    Indentation is a token of its line; other white space means nothing. In texts of
    more than 10,000 characters each line is one token.
    """
    if demonstrated == sampled:
        return 1.0
    is_short = max(len(demonstrated), len(sampled)) <= _MAX_CHARACTERS
    split = _CODE_TOKEN.findall if is_short else _split_lines
    left, right = split(demonstrated), split(sampled)
    if max(len(left), len(right)) > _MAX_TOKENS:
        return 0.0
    return rouge_l(left, right)


def _split_lines(text: str) -> list[str]:
    """The lines that hold anything, without the blanks at their ends."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _calls_of(demonstrated_action: Action) -> Sequence[ToolCall]:
    if not demonstrated_action.tool_calls:
        raise VerifierError(
            "A message was demonstrated, but code_edit judges calls alone; name a "
            "verifier for messages with by_action_type."
        )
    return demonstrated_action.tool_calls


def _reason_of(field: str) -> VerdictReason:
    if field in ("path", "pattern"):
        return VerdictReason.TARGET_MISMATCH
    if field == "command":
        return VerdictReason.COMMAND_MISMATCH
    return VerdictReason.EDIT_MISMATCH


def _as_verdict(difference: _Difference | None) -> Verdict:
    if difference is None:
        return Verdict(1.0, VerdictReason.EQUIVALENT)
    return Verdict(0.0, *difference)
