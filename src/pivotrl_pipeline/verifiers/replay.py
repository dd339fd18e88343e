"""What actions do to the world: the strongest verifier, where one can be rebuilt.

The task is opened anew, the turns before are played again, and the demonstrated and
the sampled action are applied to two copies. Equal worlds and equal answers are
equivalence, whatever the calls look like: a customer found by e-mail is the customer
found by name.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pivotrl_pipeline.environments.base import Episode
from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import ReplayParameters
from pivotrl_pipeline.records.messages import (
    Action,
    ActionType,
    JsonObject,
    Message,
    Role,
)
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.json_values import identity_key
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.message import has_text, is_tool_like
from pivotrl_pipeline.verifiers.text_similarity import is_oversized, split_words

_EMPTY: tuple[object, ...] = ([], {}, "", None)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one action leads to."""

    digest: str
    observations: Counter[object]
    """What the world answered, as JSON where it is JSON; the order of answers is that
    of the calls and means nothing."""
    is_success: bool
    idle_calls: Counter[object]
    """The calls that changed nothing and were told nothing, by name and arguments: two
    look-ups that both find nothing are not the same look-up."""


class ReplayVerifier:
    """Applies both actions to copies of the world and compares what they lead to.

    A final message leaves no trace in the world. It is judged by the task: where the
    demonstrated message completes it, the sampled one must; where it does not, replay
    cannot tell messages apart and gives no reward. It is thus as strict about words as
    the task is; only the user's own words are never a report.
    """

    def __init__(
        self,
        parameters: ReplayParameters,
        open_episode: Callable[[JsonObject], Episode],
    ) -> None:
        """Opens nothing yet.

        Args:
            parameters: Of this verifier.
            open_episode: A fresh episode of the task that a trajectory's metadata
                names.
        """
        self.parameters = parameters
        self._open = open_episode
        # Rollouts of one candidate come one after the other: one outcome is enough.
        self._remembered: tuple[State, Action, _Outcome] | None = None

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """EQUIVALENT, or OUTCOME_MISMATCH with what differs.

        Raises:
            VerifierError: If the world answers the turns before otherwise than it
                did when the trajectory was recorded.
        """
        refusal = self._refuse(state, demonstrated_action, action)
        if refusal is not None:
            return refusal
        expected = self._demonstrated_outcome(state, demonstrated_action)
        if action.action_type is ActionType.MESSAGE and not expected.is_success:
            detail = "the demonstrated message does not complete the task"
            return Verdict(None, VerdictReason.NOT_JUDGED, detail)
        difference = _difference(expected, self._outcome(state, action))
        if difference is not None:
            return Verdict(0.0, VerdictReason.OUTCOME_MISMATCH, difference)
        return Verdict(1.0, VerdictReason.EQUIVALENT)

    def _refuse(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict | None:
        """The verdict on what need not be played."""
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is not None:
            return refusal
        demonstrated, sampled = (
            each.content or "" for each in (demonstrated_action, action)
        )
        if is_oversized(demonstrated, sampled):
            detail = f"{len(sampled)} characters"
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, detail)
        if len(action.tool_calls) > self.parameters.max_calls:
            detail = f"{len(action.tool_calls)} calls"
            return Verdict(0.0, VerdictReason.SURPLUS_CALL, detail)
        if action.tool_calls:
            return None
        if not has_text(sampled):
            return Verdict(0.0, VerdictReason.EMPTY_MESSAGE)
        if is_tool_like(sampled):
            return Verdict(0.0, VerdictReason.TOOL_LIKE_MESSAGE)
        if _is_echo(state, sampled) and not _is_echo(state, demonstrated):
            detail = "the user's own words"
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, detail)
        return None

    def _demonstrated_outcome(self, state: State, action: Action) -> _Outcome:
        known = self._remembered
        if known is not None and known[0] is state and known[1] is action:
            return known[2]
        outcome = self._outcome(state, action)
        self._remembered = (state, action, outcome)
        return outcome

    def _outcome(self, state: State, action: Action) -> _Outcome:
        episode = self._play_again(state)
        num_before = len(episode.messages)
        episode.act(action)
        answers = _answers(episode, num_before)
        is_told = sum(map(_is_telling, answers)) >= len(action.tool_calls)
        return _Outcome(
            episode.state_digest(),
            Counter(map(_read_answer, answers)),
            episode.success,
            Counter() if is_told else self._idle_calls(state, action),
        )

    def _idle_calls(self, state: State, action: Action) -> Counter[object]:
        """Plays the calls one by one, to see what each of them changes."""
        episode = self._play_again(state)
        idle: Counter[object] = Counter()
        for call in action.tool_calls:
            num_before, digest = len(episode.messages), episode.state_digest()
            episode.act(Action(tool_calls=(call,)))
            is_told = any(map(_is_telling, _answers(episode, num_before)))
            if not is_told and episode.state_digest() == digest:
                idle[call.name, identity_key(call.arguments)] += 1
        return idle

    def _play_again(self, state: State) -> Episode:
        episode = self._open(state.metadata)
        for message in state.prefix:
            if message.role is Role.ASSISTANT:
                episode.act(Action.from_message(message))
        _check_answers(state.prefix, episode.messages)
        return episode


def _is_echo(state: State, text: str) -> bool:
    words = split_words(text)
    return bool(words) and any(
        words == split_words(message.content or "")
        for message in state.prefix
        if message.role is Role.USER
    )


def _difference(expected: _Outcome, found: _Outcome) -> str | None:
    if expected.digest != found.digest:
        return "another state of the world"
    if expected.observations != found.observations:
        return "another answer of the world"
    if expected.is_success and not found.is_success:
        return "does not complete the task"
    if expected.idle_calls != found.idle_calls:
        return "another call that is told nothing"
    return None


def _check_answers(
    recorded: tuple[Message, ...], replayed: tuple[Message, ...]
) -> None:
    before = [_read_answer(each) for each in recorded if _is_answer(each)]
    again = [_read_answer(each) for each in replayed if _is_answer(each)]
    if before == again:
        return
    differs = [left != right for left, right in zip(before, again, strict=False)]
    index = differs.index(True) if True in differs else len(differs)
    raise VerifierError(
        f"Answer {index} of the replayed turns differs from the recorded one; replay "
        "needs the environment and the task that the trajectory was recorded with: "
        "correct its metadata or judge it with another verifier."
    )


def _answers(episode: Episode, num_before: int) -> list[Message]:
    return [each for each in episode.messages[num_before:] if _is_answer(each)]


def _is_answer(message: Message) -> bool:
    return message.role is Role.TOOL


def _is_telling(answer: Message) -> bool:
    """True if the answer carries anything but an error or empty containers."""
    try:
        value = json.loads(answer.content or "")
    except (ValueError, RecursionError):
        return bool(answer.content)
    if isinstance(value, dict):
        return "error" not in value and any(
            each not in _EMPTY for each in value.values()
        )
    return value not in _EMPTY


def _read_answer(message: Message) -> object:
    content = message.content or ""
    try:
        return identity_key(json.loads(content))
    except (ValueError, RecursionError):
        return content
