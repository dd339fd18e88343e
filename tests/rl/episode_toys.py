"""A world of ten tokens: every episode asks twice, and the first answer decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from tests.rl.toys import STOP_TOKEN, VOCABULARY, fill_parameters, make_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy
from pivotrl_pipeline.records.messages import Action, Message, Role, Tool
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.rl.episode_tasks import EpisodeTasks
from pivotrl_pipeline.sampling.episodes import ValidationTasks


class TokenPolicy(TransformersPolicy):
    """Text is token ids; a message of the assistant ends with the stop token."""

    def render(self, state: State) -> list[int]:
        """All messages, one after the other."""
        tokens: list[int] = []
        for message in state.prefix:
            tokens += [int(word) for word in (message.content or "").split()]
            if message.role is Role.ASSISTANT:
                tokens.append(STOP_TOKEN)
        return tokens

    def parse(self, text: str, tools: Sequence[Tool]) -> Action:
        """A message."""
        return Action(content=text)


def make_policy(model: Qwen3ForCausalLM | None = None) -> TokenPolicy:
    words = {str(token): token for token in range(VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token=str(STOP_TOKEN)))
    )
    return TokenPolicy(
        make_model() if model is None else model,
        tokenizer,
        cast("ChatTemplate", SimpleNamespace()),
        stop_ids=[STOP_TOKEN],
        max_tokens_in_flight=4096,
    )


@dataclass
class ToyEpisode:
    number: int
    wanted: str | None
    messages: tuple[Message, ...] = ()
    num_turns: int = 0
    success: bool = False

    def __post_init__(self) -> None:
        self.messages = (Message(Role.USER, f"1 2 {self.number}"),)

    @property
    def is_done(self) -> bool:
        return self.num_turns == 2

    def act(self, action: Action) -> None:
        if self.num_turns == 0:
            first_words = (action.content or "").split()[:1]
            self.success = self.wanted is None or first_words == [self.wanted]
        self.num_turns += 1
        asked_again = Message(Role.USER, "3 4")
        self.messages = (*self.messages, action.to_message(), asked_again)

    def state_digest(self) -> str:
        return str(self.messages)


@dataclass
class ToyWorld:
    wanted: str | None = "7"
    """None: whatever is said is right."""
    fail_at_episode: int | None = None
    opened: list[str] = field(default_factory=list)
    tools: tuple[Tool, ...] = ()

    def open(self, task: EnvironmentTask) -> ToyEpisode:
        self.opened.append(task.task_id)
        if len(self.opened) == self.fail_at_episode:
            raise RuntimeError("killed")
        return ToyEpisode(1 + task.seed % 9, self.wanted)

    def tasks(self, *, tier: str, seeds: Sequence[int]) -> list[EnvironmentTask]:
        return [EnvironmentTask(f"{tier}/{seed}", "toy", "", seed) for seed in seeds]


def make_training(world: ToyWorld | None = None, num_tasks: int = 4) -> EpisodeTasks:
    world = world or ToyWorld()
    return EpisodeTasks(world, tuple(world.tasks(tier="toy", seeds=range(num_tasks))))


def make_validation(world: ToyWorld | None = None) -> ValidationTasks:
    training = make_training(world)
    tasks = tuple(replace(each, task_id=f"v{each.seed}") for each in training.tasks)
    return ValidationTasks(training.environment, tasks, 2, 20)


def make_e2e_parameters(**changes: Any) -> E2EParameters:
    """Four tasks, eight episodes of each."""
    own = {"tasks_per_update": 4, "max_prompt_tokens": 20, "validation_every": 2}
    return fill_parameters(E2EParameters, own | changes)
