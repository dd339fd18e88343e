"""Recorded turns as tokens: prompts as in deployment, actions as they are sampled."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.rl.supervised_toys import make_turns
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from fakes import make_candidates, make_trajectory
from pivotrl_pipeline.errors import ConfigurationError, PolicyError
from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer
from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy
from pivotrl_pipeline.records.messages import Action, JsonObject, Message, Role
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.records.trajectories import PivotCandidate, Split, Trajectory
from pivotrl_pipeline.rl.lineage import describe_supervised_lineage
from pivotrl_pipeline.rl.supervised_turns import (
    SupervisedTurn,
    SupervisedTurns,
    make_supervised_turns,
    order_turns,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy

TRAINING = make_trajectory("a", ["Ann", "Bob"])
VALIDATION = replace(make_trajectory("b", ["Cid", "Dan"]), split=Split.VALIDATION)
ALL_IDS = [f"{name}#{turn}" for name in "ab" for turn in range(4)]


@pytest.fixture(scope="module")
def make_policy() -> Callable[..., TransformersPolicy]:
    """The template of the policy in the box, or another; weights are not looked at."""
    tokenizer = train_tokenizer(["Ann Bob it is. look_up"], min_frequency=1)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    plain_template = tokenizer.chat_template

    def make(change: Callable[[str], str] = str) -> TransformersPolicy:
        tokenizer.chat_template = change(plain_template)
        template = ChatTemplate(tokenizer, reasoning="since_last_user")
        assert isinstance(tokenizer, PreTrainedTokenizerFast)
        return TransformersPolicy(
            model,
            tokenizer,
            template,
            stop_ids=[tokenizer.eos_token_id],
            max_tokens_in_flight=1024,
        )

    return make


def turns_of(
    policy: TransformersPolicy,
    *,
    trajectories: tuple[Trajectory, ...] = (TRAINING, VALIDATION),
    training_ids: list[str] = ALL_IDS,
    max_prompt_tokens: int = 1000,
    max_new_tokens: int = 100,
) -> SupervisedTurns:
    table: list[tuple[Trajectory, list[PivotCandidate]]] = [
        (each, make_candidates(each)) for each in trajectories
    ]
    return make_supervised_turns(
        policy,
        table,
        training_ids,
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=max_new_tokens,
    )


def ids(turns: list[SupervisedTurn]) -> list[str]:
    return [turn.candidate_id for turn in turns]


def test_prompts_are_rendered_as_in_deployment(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    policy = make_policy()

    turns = turns_of(policy)

    states = [TRAINING.state_before(index) for index in TRAINING.turn_message_indices]
    rendered = [tuple(policy.render(state)) for state in states]
    assert [turn.prompt_ids for turn in turns.training] == rendered


def test_a_policy_that_samples_the_action_ids_has_taken_the_demonstrated_action(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    policy = make_policy()

    turns = turns_of(policy)

    demonstrated = [each.demonstrated_action for each in make_candidates(TRAINING)]
    for turn, action in zip(turns.training, demonstrated, strict=True):
        parsed = policy.parse(policy.decode(turn.action_ids), ())
        assert parsed.content == action.content
        called = [(call.name, call.arguments) for call in parsed.tool_calls]
        assert called == [(call.name, call.arguments) for call in action.tool_calls]


def test_an_action_ends_with_its_only_stop_token(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    policy = make_policy()

    for turn in turns_of(policy).training:
        stops = [token in policy.stop_ids for token in turn.action_ids]
        assert stops == [False] * (len(stops) - 1) + [True]


def test_a_state_begins_with_the_tokens_of_the_turns_before_it(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    first, second, *_ = turns_of(make_policy()).training

    before = (*first.prompt_ids, *first.action_ids)
    assert second.prompt_ids[: len(before)] == before


def test_reasoning_is_a_part_of_the_action(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    content = "{{ message.content or '' }}"
    thinking = (
        "{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}"
        "</think>{% endif -%}"
    )
    policy = make_policy(lambda text: text.replace(content, thinking + content))
    answer = Message(Role.ASSISTANT, "Bob it is.", reasoning="Bob was found.")
    trajectory = replace(TRAINING, messages=(*TRAINING.messages[:-1], answer))

    turns = turns_of(policy, trajectories=(trajectory, VALIDATION))

    said = policy.parse(policy.decode(turns.training[-1].action_ids), ())
    assert said == Action("Bob it is.", (), "Bob was found.")


def test_training_turns_are_the_named_ones_and_validation_turns_all_held_out(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    turns = turns_of(make_policy(), training_ids=["a#1", "a#3", "b#0"])

    assert ids(turns.training) == ["a#1", "a#3"]
    assert ids(turns.validation) == ["b#0", "b#1", "b#2", "b#3"]


def test_states_that_are_too_long_to_sample_at_are_left_out(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    policy = make_policy()
    longest = max(len(turn.prompt_ids) for turn in turns_of(policy).training)

    turns = turns_of(policy, max_prompt_tokens=longest - 1)

    assert ids(turns.training) == ["a#0", "a#1", "a#2"]


def test_an_action_that_could_not_be_sampled_is_refused(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    policy = make_policy()
    turns = turns_of(policy)
    actions = [turn.action_ids for turn in (*turns.training, *turns.validation)]
    length = max(map(len, actions))
    turns_of(policy, max_new_tokens=length)

    message = rf"'[ab]#\d'.* has {length} tokens.*max_new_tokens is {length - 1}"
    with pytest.raises(ConfigurationError, match=message):
        turns_of(policy, max_new_tokens=length - 1)


def test_turns_of_another_ingestion_are_refused(
    make_policy: Callable[..., TransformersPolicy],
) -> None:
    with pytest.raises(ConfigurationError, match=r"1 turns that are not .* 'c#0'"):
        turns_of(make_policy(), training_ids=["a#0", "c#0"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("<|im_end|>\\n", "\\n").replace("<|im_end|>", ""),
            r"'a#0'.*writes none of the policy's stop tokens",
        ),
        (
            lambda text: text + "{{ messages | length }}",
            r"'a#0'.*renders the state differently when its action follows",
        ),
    ],
)
def test_templates_that_give_an_action_no_text_of_its_own_are_refused(
    make_policy: Callable[..., TransformersPolicy],
    change: Callable[[str], str],
    message: str,
) -> None:
    with pytest.raises(PolicyError, match=message):
        turns_of(make_policy(change))


def test_an_epoch_holds_every_turn_once_and_each_trajectory_in_one_piece() -> None:
    turns = make_turns(6).training

    ordered = order_turns(turns, num_epochs=2, seed=0)

    epochs = [ordered[:12], ordered[12:]]
    for epoch in epochs:
        assert sorted(ids(epoch)) == sorted(ids(turns))
        pairs = zip(epoch[::2], epoch[1::2], strict=True)
        assert all(one.trajectory_id == two.trajectory_id for one, two in pairs)
    assert ids(epochs[0]) != ids(epochs[1])
    assert ids(ordered) != ids(order_turns(turns, num_epochs=2, seed=1))


def test_lineage_tells_turns_apart_and_holds_the_losses() -> None:
    def describe(turns: SupervisedTurns) -> JsonObject:
        checkpoint = PolicyCheckpoint("somewhere", "abc")
        trained = TrainedPolicy({}, "somewhere", (), 3, -0.5, -0.75)
        return describe_supervised_lineage(checkpoint, turns, {"seed": 0}, trained)

    turns = make_turns(2)
    lineage = describe(turns)

    assert (
        lineage["turns"] == describe(SupervisedTurns(turns.training[::-1], []))["turns"]
    )
    assert lineage["turns"] != describe(make_turns(3))["turns"]
    assert lineage["validation_loss"] == {"initial": 0.75, "kept": 0.5}
