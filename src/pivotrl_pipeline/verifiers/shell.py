"""Shell commands that do the same, in tool calls and in batches of keystrokes."""

from dataclasses import replace

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.comparators import ArgumentRule, ShellComparator
from pivotrl_pipeline.parameters.verifiers import ShellParameters, ToolCallParameters
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.comparators import same_command
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.keystrokes import parse_batch
from pivotrl_pipeline.verifiers.tool_call import ToolCallVerifier


class ShellVerifier:
    """Compares commands after parsing; everything else about a call as `tool_call`.

    In a batch of keystrokes the last line counts as typed only if it ends with a
    newline, and the completion flag must be the same: declaring a task complete too
    early fails as declaring it too late does. Waiting times mean nothing.
    """

    def __init__(self, parameters: ShellParameters) -> None:
        self.parameters = parameters
        comparator = ShellComparator(
            kind="shell",
            directory=parameters.directory,
            keeps_directory=parameters.keeps_directory,
        )
        rule = ArgumentRule(
            tool=parameters.tool, argument=parameters.argument, comparator=comparator
        )
        self._calls = ToolCallVerifier(
            ToolCallParameters(
                kind="tool_call",
                scoring=parameters.scoring,
                strings=parameters.strings,
                arguments=(rule, *parameters.arguments),
            )
        )
        self._same_keystrokes = same_command(
            directory=parameters.directory, keeps_directory=True
        )

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """The verdict on the calls, or on the batch.

        Raises:
            VerifierError: If the demonstrated message is no batch of keystrokes.
        """
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        if not demonstrated_action.tool_calls:
            return self._verify_batch(
                demonstrated_action.content or "", action.content or ""
            )
        verdict = self._calls.verify(state, demonstrated_action, action)
        is_command = f": {self.parameters.argument}: demonstrated" in verdict.detail
        if verdict.reason is VerdictReason.ARGUMENT_MISMATCH and is_command:
            return replace(verdict, reason=VerdictReason.COMMAND_MISMATCH)
        return verdict

    def _verify_batch(self, demonstrated: str, text: str) -> Verdict:
        expected, found = parse_batch(demonstrated), parse_batch(text)
        if isinstance(expected, str):
            raise VerifierError(
                f"The demonstrated message is no batch of keystrokes: {expected}; name "
                "another verifier for messages with by_action_type."
            )
        if isinstance(found, str):
            return Verdict(0.0, VerdictReason.UNPARSEABLE_ACTION, found)
        if expected.harness != found.harness:
            detail = f"{found.harness}, expected {expected.harness}"
            return Verdict(0.0, VerdictReason.UNPARSEABLE_ACTION, detail)
        if expected.is_complete != found.is_complete:
            detail = f"complete: {found.is_complete}, expected {expected.is_complete}"
            return Verdict(0.0, VerdictReason.COMPLETION_MISMATCH, detail)
        if not self._does_the_same(expected.keystrokes, found.keystrokes):
            return Verdict(0.0, VerdictReason.COMMAND_MISMATCH)
        return Verdict(1.0, VerdictReason.EQUIVALENT)

    def _does_the_same(self, expected: str, found: str) -> bool:
        if expected == found:
            return True
        # A line without its newline is typed but not run.
        are_run = expected.endswith("\n") and found.endswith("\n")
        return are_run and self._same_keystrokes(expected, found)
