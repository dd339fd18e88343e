"""The strict baseline of the paper's ablation: the demonstrated action itself."""

import json

from pivotrl_pipeline.parameters.verifiers import ExactMatchParameters
from pivotrl_pipeline.records.messages import Action, ToolCall
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.judging import compare_action_types


class ExactMatchVerifier:
    """1 for the same whole completion, else 0.

    Calls agree in number, order, names and parsed arguments, key order and number
    spelling (1, 1.0) included; only white space between JSON tokens, escapes and call
    ids may differ. Text, also that beside calls, is the same but for surrounding white
    space. Reasoning is not compared: it is no part of the action.

    Source:
        Yi et al. 2026 (arXiv:2603.21383), Eq. 2.
    """

    def __init__(self, parameters: ExactMatchParameters) -> None:
        self.parameters = parameters

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """EQUIVALENT, or TEXT_MISMATCH with the first difference."""
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        difference = _difference(demonstrated_action, action)
        if difference is not None:
            return Verdict(0.0, VerdictReason.TEXT_MISMATCH, difference)
        return Verdict(1.0, VerdictReason.EQUIVALENT)


def _difference(demonstrated: Action, action: Action) -> str | None:
    if (demonstrated.content or "").strip() != (action.content or "").strip():
        return "other text"
    if len(demonstrated.tool_calls) != len(action.tool_calls):
        return (
            f"{len(action.tool_calls)} calls, expected {len(demonstrated.tool_calls)}"
        )
    pairs = zip(demonstrated.tool_calls, action.tool_calls, strict=True)
    for index, (expected, found) in enumerate(pairs):
        if expected.name != found.name:
            return f"call {index}: another tool"
        if not _same_arguments(expected, found):
            return f"call {index}: other arguments"
    return None


def _same_arguments(expected: ToolCall, found: ToolCall) -> bool:
    if expected.arguments is None or found.arguments is None:
        return expected.arguments_text == found.arguments_text
    return json.dumps(expected.arguments) == json.dumps(found.arguments)
