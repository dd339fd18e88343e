"""NVIDIA's published comparator, rule for rule, for parity with its profiles.

Its surprises are kept on purpose: any message passes where a message was demonstrated,
10 is not 10.0, true is 1, an optional argument at its default is a mismatch, two
sentences that share a tenth of their words agree, and with ``parallel_rewarding`` off
surplus calls cost nothing. Do not train on it; compare with it. Only what is no action
at all, a text cut off or an unclosed tag, is refused before, as for every verifier.

Source:
    NVIDIA-NeMo/Gym 07d6b0d, ``resources_servers/
    single_step_tool_use_with_argument_comparison``.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import NemoGymParameters
from pivotrl_pipeline.records.messages import Action, JsonObject, JsonValue, ToolCall
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.matching import match_most

UNEXPECTED_TOOL = "unexpected tool"
DECODE_ERROR = "arguments decode error"
TYPE_DIFFERENT = "value type different"
KEYS_DIFFERENT = "object keys different"
LIST_LENGTH_DIFFERENT = "list length different"
VALUE_DIFFERENT = "value different"
BATCH_LENGTH_DIFFERENT = "batch length different"

_REASONS = {
    UNEXPECTED_TOOL: VerdictReason.WRONG_TOOL,
    DECODE_ERROR: VerdictReason.UNPARSEABLE_ACTION,
}


class NemoGymVerifier:
    """Compares actions as the server of that name does.

    The detail of a verdict is the comparator's own category.
    """

    def __init__(self, parameters: NemoGymParameters) -> None:
        self.parameters = parameters

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The reward that the published comparator gives.

        Raises:
            VerifierError: If a demonstrated call's arguments are not a JSON object.
        """
        if not action.tool_calls and action.content is None:
            return Verdict(0.0, VerdictReason.EMPTY_MESSAGE, "no action")
        expected = demonstrated_action.tool_calls
        if not expected:
            if action.tool_calls:
                return Verdict(0.0, VerdictReason.MESSAGE_EXPECTED)
            return Verdict(1.0, VerdictReason.EQUIVALENT)
        if not action.tool_calls:
            return Verdict(0.0, VerdictReason.CALL_EXPECTED)
        return self._compare_calls(expected, action.tool_calls)

    def _compare_calls(
        self, expected: Sequence[ToolCall], found: Sequence[ToolCall]
    ) -> Verdict:
        if not self._admits(len(expected), len(found)):
            return _wrong_count(len(expected), len(found), reward=0.0)
        differences = {
            (left, right): self._difference(expected[left], found[right])
            for left, right in product(range(len(expected)), range(len(found)))
        }
        partners: list[list[int]] = [[] for _ in expected]
        for (left, right), difference in differences.items():
            if difference is None:
                partners[left].append(right)
        left_by_right = match_most(partners)
        reward = self._reward(len(left_by_right), len(expected), len(found))
        if reward == 1.0:
            return Verdict(1.0, VerdictReason.EQUIVALENT)
        matched = set(left_by_right.values())
        unmatched = [left for left in range(len(expected)) if left not in matched]
        if not unmatched or len(left_by_right) == len(found):
            return _wrong_count(len(expected), len(found), reward=reward)
        misses = (differences[unmatched[0], right] for right in range(len(found)))
        near = (miss for miss in misses if miss not in (None, UNEXPECTED_TOOL))
        category = next(near, None) or UNEXPECTED_TOOL
        reason = _REASONS.get(category, VerdictReason.ARGUMENT_MISMATCH)
        return Verdict(reward, reason, category)

    def _admits(self, expected: int, found: int) -> bool:
        """The gate on the number of calls; open while parallel calls are unrewarded."""
        parameters = self.parameters
        return (
            not parameters.parallel_rewarding
            or found == expected
            or (found < expected and parameters.allow_subset)
            or (found > expected and parameters.allow_superset)
        )

    def _reward(self, matched: int, expected: int, found: int) -> float:
        parameters = self.parameters
        if not parameters.parallel_rewarding:
            return float(matched == expected)
        required = min(expected, found) if parameters.allow_subset else expected
        match parameters.mode:
            case "binary_strict":
                return float(matched >= required)
            case "fractional":
                return matched / required
            case "f1":
                return 2 * matched / (expected + found)

    def _difference(self, expected: ToolCall, found: ToolCall) -> str | None:
        if expected.arguments is None:
            raise VerifierError(
                f"The demonstrated call of {expected.name!r} has arguments that are "
                "not a JSON object; drop the turn before it is judged."
            )
        if expected.name != found.name:
            return UNEXPECTED_TOOL
        if found.arguments is None:
            return DECODE_ERROR
        return self._value_difference(expected.arguments, found.arguments)

    def _value_difference(self, expected: JsonValue, found: JsonValue) -> str | None:
        # Python's own notion of types, bool being an int: part of the parity.
        if not isinstance(found, type(expected)):
            return TYPE_DIFFERENT
        if isinstance(expected, dict) and isinstance(found, dict):
            return self._object_difference(expected, found)
        if isinstance(expected, list) and isinstance(found, list):
            if len(expected) != len(found):
                return LIST_LENGTH_DIFFERENT
            pairs = zip(expected, found, strict=True)
            return self._first_difference(pairs)
        if isinstance(expected, float) and isinstance(found, float):
            is_same = abs(expected - found) < self.parameters.float_tolerance
        elif isinstance(expected, str) and isinstance(found, str):
            is_same = self._same_words(expected, found)
        else:
            is_same = expected == found
        return None if is_same else VALUE_DIFFERENT

    def _object_difference(self, expected: JsonObject, found: JsonObject) -> str | None:
        if expected.keys() != found.keys():
            return KEYS_DIFFERENT
        return self._first_difference((expected[key], found[key]) for key in expected)

    def _first_difference(
        self, pairs: Iterable[tuple[JsonValue, JsonValue]]
    ) -> str | None:
        differences = (self._value_difference(left, right) for left, right in pairs)
        return next((each for each in differences if each is not None), None)

    def _same_words(self, expected: str, found: str) -> bool:
        """Shared words over the *sum* of both lengths: equal texts reach 0.5 only."""
        left, right = expected.lower().split(), found.lower().split()
        if len(left) < 2 or len(right) < 2:
            return expected == found
        shared = (Counter(left) & Counter(right)).total()
        return shared / (len(left) + len(right)) >= self.parameters.word_threshold


def _wrong_count(expected: int, found: int, *, reward: float) -> Verdict:
    is_short = found < expected
    reason = VerdictReason.MISSING_CALL if is_short else VerdictReason.SURPLUS_CALL
    return Verdict(reward, reason, BATCH_LENGTH_DIFFERENT)
