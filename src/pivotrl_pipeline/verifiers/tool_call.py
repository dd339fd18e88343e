"""Tool calls that do the same: the default verifier of turns that act.

Calls are compared as a multiset under the tools' JSON Schemas. Text beside the calls
does not count: it changes nothing in the world. What the schema forbids never passes,
and one forbidden call costs the whole action its reward, in every scoring, so that no
mode pays for trying.
"""

from collections.abc import Mapping, Sequence

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import ToolCallParameters
from pivotrl_pipeline.records.messages import Action, ToolCall
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.arguments import ArgumentComparison
from pivotrl_pipeline.verifiers.comparators import build_comparator, equal_trimmed
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.matching import match_most
from pivotrl_pipeline.verifiers.tool_index import ToolIndex

_MAX_SURPLUS_CALLS = 100
"""Calls beyond the demonstrated ones that are still compared one by one."""


class ToolCallVerifier:
    """Compares calls by the meaning that their tools' schemas give them."""

    def __init__(self, parameters: ToolCallParameters) -> None:
        self.parameters = parameters
        strings = build_comparator(parameters.strings) or equal_trimmed
        self._tools = ToolIndex(
            lambda name, schema: ArgumentComparison(
                name, schema, parameters.arguments, strings
            )
        )

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The reward of the calls and what is wrong with them.

        Where the state offers no tool at all, schemas are unknown and calls are
        compared as plain JSON.

        Raises:
            VerifierError: If a message was demonstrated, or a tool's schema is broken.
        """
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        demonstrated, sampled = demonstrated_action.tool_calls, action.tool_calls
        if not demonstrated:
            raise VerifierError(
                "A message was demonstrated, but tool_call judges calls alone; name "
                "a verifier for messages with by_action_type."
            )
        refusal = refuse_forbidden(self._tools, state, sampled)
        if refusal is not None:
            return refusal
        if len(sampled) - len(demonstrated) > _MAX_SURPLUS_CALLS:
            return Verdict(0.0, VerdictReason.SURPLUS_CALL, f"{len(sampled)} calls")
        return self._score(state, demonstrated, sampled)

    def _score(
        self,
        state: State,
        demonstrated: Sequence[ToolCall],
        sampled: Sequence[ToolCall],
    ) -> Verdict:
        differences = {
            (left, right): self._difference(state, expected, found)
            for left, expected in enumerate(demonstrated)
            for right, found in enumerate(sampled)
            if expected.name == found.name
        }
        partners: list[list[int]] = [[] for _ in demonstrated]
        for (left, right), difference in differences.items():
            if difference is None:
                partners[left].append(right)
        left_by_right = match_most(partners)
        reward = self._reward(len(left_by_right), len(demonstrated), len(sampled))
        if len(left_by_right) == len(demonstrated) == len(sampled):
            return Verdict(reward, VerdictReason.EQUIVALENT)
        return Verdict(
            reward, *_explain(demonstrated, sampled, left_by_right, differences)
        )

    def _difference(
        self, state: State, expected: ToolCall, found: ToolCall
    ) -> str | None:
        tool = self._tools.find(state, expected.name)
        if tool is None or expected.arguments is None or found.arguments is None:
            return "the demonstrated call has no arguments that can be compared"
        return tool.comparison.difference(expected.arguments, found.arguments)

    def _reward(self, matched: int, demonstrated: int, sampled: int) -> float:
        match self.parameters.scoring:
            case "strict":
                return float(matched == demonstrated == sampled)
            case "fraction":
                return matched / max(demonstrated, sampled)
            case "f1":
                return 2 * matched / (demonstrated + sampled)


def refuse_forbidden(
    tools: ToolIndex, state: State, calls: Sequence[ToolCall]
) -> Verdict | None:
    """The verdict on calls that the state's tools forbid; None if all are allowed."""
    if not state.tools:
        return None
    for call in calls:
        tool = tools.find(state, call.name)
        if tool is None or tool.schema is None:
            return Verdict(0.0, VerdictReason.UNKNOWN_TOOL, call.name[:60])
        problem = tool.schema.problem(call.arguments)
        if problem is not None:
            detail = f"{call.name}: {problem.removeprefix('.').removeprefix(': ')}"
            return Verdict(0.0, VerdictReason.SCHEMA_VIOLATION, detail)
    return None


def _explain(
    demonstrated: Sequence[ToolCall],
    sampled: Sequence[ToolCall],
    left_by_right: Mapping[int, int],
    differences: Mapping[tuple[int, int], str | None],
) -> tuple[VerdictReason, str]:
    """The most telling thing that is wrong: a near miss before a wrong tool before
    a count."""
    matched = set(left_by_right.values())
    missing = [left for left in range(len(demonstrated)) if left not in matched]
    surplus = [right for right in range(len(sampled)) if right not in left_by_right]
    for left in missing:
        for right in surplus:
            difference = differences.get((left, right))
            if difference is not None:
                detail = f"{demonstrated[left].name}: {difference}"
                return VerdictReason.ARGUMENT_MISMATCH, detail
    expected_names = {call.name for call in demonstrated}
    for right in surplus:
        if sampled[right].name not in expected_names and missing:
            return VerdictReason.WRONG_TOOL, _names(sampled, surplus)
    if missing:
        return VerdictReason.MISSING_CALL, _names(demonstrated, missing)
    return VerdictReason.SURPLUS_CALL, _names(sampled, surplus)


def _names(calls: Sequence[ToolCall], indices: Sequence[int]) -> str:
    return ", ".join(calls[index].name[:60] for index in indices[:8])
