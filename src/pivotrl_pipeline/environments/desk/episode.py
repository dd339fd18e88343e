"""One attempt at a task of the order desk."""

from collections.abc import Sequence
from dataclasses import replace

from pivotrl_pipeline.environments.desk.records import Report, World
from pivotrl_pipeline.environments.desk.reports import states_facts
from pivotrl_pipeline.environments.desk.service import DeskService
from pivotrl_pipeline.environments.desk.store import DeskStore
from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    Message,
    Role,
    ToolCall,
    dump_json,
)

SYSTEM_PROMPT = "You run an order desk."


class DeskEpisode:
    """A world, the history, and what the task asks for."""

    def __init__(
        self,
        world: World,
        request: str,
        *,
        seed: int,
        reports: Sequence[Report],
        digest: str,
        max_turns: int,
    ) -> None:
        """Opens the desk.

        Args:
            world: The rows to begin with.
            request: The user's message.
            seed: Decides the ids of new orders.
            reports: What the errands come to when done rightly.
            digest: Of the database when all is done rightly.
            max_turns: Assistant turns after which the episode ends.
        """
        self._store = DeskStore(world, seed=seed)
        self._service = DeskService(self._store)
        self._reports = tuple(reports)
        self._digest = digest
        self._max_turns = max_turns
        self._messages = [
            Message(Role.SYSTEM, SYSTEM_PROMPT),
            Message(Role.USER, request),
        ]
        self._num_turns = 0
        self._num_calls = 0
        self._final_message: str | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The history so far, from the system message on."""
        return tuple(self._messages)

    @property
    def is_done(self) -> bool:
        """True once the agent has spoken its final message or the limit is reached."""
        return self._final_message is not None or self._num_turns >= self._max_turns

    @property
    def success(self) -> bool:
        """True if database and final message are what the task asks."""
        return (
            self._final_message is not None
            and self.state_digest() == self._digest
            and states_facts(self._final_message, self._reports)
        )

    @property
    def num_turns(self) -> int:
        """Assistant turns taken."""
        return self._num_turns

    def act(self, action: Action) -> None:
        """Appends the action and what the tools answer; text alone ends the episode."""
        calls = tuple(self._number_call(call) for call in action.tool_calls)
        self._messages.append(replace(action.to_message(), tool_calls=calls))
        self._num_turns += 1
        if action.parse_error is not None:
            self._append_result({"error": "not a tool call"}, None)
            return
        for call in calls:
            self._append_result(self._service.answer(call), call.call_id)
        if not calls:
            self._final_message = action.content or ""

    def state_digest(self) -> str:
        """Equal for equal databases, whatever led to them."""
        return self._store.digest()

    def _number_call(self, call: ToolCall) -> ToolCall:
        self._num_calls += 1
        return replace(call, call_id=call.call_id or f"call_{self._num_calls}")

    def _append_result(self, result: JsonObject, call_id: str | None) -> None:
        content = dump_json(result)
        self._messages.append(Message(Role.TOOL, content, tool_call_id=call_id))
