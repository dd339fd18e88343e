"""The reward of an exported turn, computed in another trainer's process."""

import json
from collections.abc import Sequence

from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.formats.row_fields import to_tools
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.records.messages import Action, JsonObject, message_from_json
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifier
from pivotrl_pipeline.verifiers.judging import judge_rollout


class ExportedReward:
    """Judges sampled text by the verifier that chose the pivots."""

    def __init__(self, verifier: JsonObject) -> None:
        """The verifier of these parameters, as in `variance_computation.verifiers`."""
        parameters = VarianceComputationParameters.model_validate(
            {"verifiers": {"exported": verifier}}
        )
        self._verifier = build_verifier(parameters.verifiers["exported"])

    def score(
        self,
        text: str,
        state: str,
        demonstrated_action: str,
        *,
        is_finished: bool = True,
    ) -> float | None:
        """The reward of one sampled action, in [0, 1]; None where it cannot be judged.

        Args:
            text: As sampled, special tokens included, without the final stop token.
            state: The row's JSON text.
            demonstrated_action: The row's JSON text.
            is_finished: False where the token limit cut the action off.
        """
        fields = json.loads(state)
        tools = tuple(to_tools(fields["tools"]))
        verdict = judge_rollout(
            self._verifier,
            State(
                tuple(map(message_from_json, fields["messages"])),
                tools,
                fields["metadata"],
                fields["domain"],
            ),
            Action.from_message(message_from_json(json.loads(demonstrated_action))),
            parse_action(text, tools),
            FinishReason.STOP if is_finished else FinishReason.LENGTH,
        )
        return verdict.reward

    def score_all(
        self,
        texts: Sequence[str],
        states: Sequence[str],
        demonstrated_actions: Sequence[str],
        are_finished: Sequence[bool],
    ) -> list[float | None]:
        """One reward per sampled action."""
        rows = zip(texts, states, demonstrated_actions, are_finished, strict=True)
        return [
            self.score(text, state, action, is_finished=is_finished)
            for text, state, action, is_finished in rows
        ]
