"""What an environment is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pivotrl_pipeline.records.messages import Action, JsonObject, Message, Tool


@dataclass(frozen=True, slots=True)
class EnvironmentTask:
    """One task; the same task always opens the same episode."""

    task_id: str
    domain: str
    kind: str
    """The family of the task, for per-task figures."""
    seed: int
    settings: JsonObject = field(default_factory=dict)


class Episode(Protocol):
    """One attempt at a task."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The history so far, from the system message on."""
        ...

    @property
    def is_done(self) -> bool:
        """True once the agent has spoken its final message or the limit is reached."""
        ...

    @property
    def success(self) -> bool:
        """True if the world's state and the final message are what the task asks."""
        ...

    @property
    def num_turns(self) -> int:
        """Assistant turns taken."""
        ...

    def act(self, action: Action) -> None:
        """Appends the action and what the world answers.

        An action that cannot be parsed, an unknown tool and bad arguments are
        answered with a tool error, as a real service would, never raised.
        """
        ...

    def state_digest(self) -> str:
        """Equal for equal states of the world, whatever led to them."""
        ...


class Environment(Protocol):
    """A multi-turn world with tools."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the agent may call."""
        ...

    def open(self, task: EnvironmentTask) -> Episode:
        """A fresh episode, deterministic in the task."""
        ...

    def tasks(self, *, tier: str, seeds: Sequence[int]) -> list[EnvironmentTask]:
        """One task per seed."""
        ...
