"""Episodes: what ends them, what counts as success, and that they replay."""

from dataclasses import replace

import pytest

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.desk import OrderDesk
from pivotrl_pipeline.environments.desk.episode import DeskEpisode
from pivotrl_pipeline.environments.desk.transcripts import write_demonstration
from pivotrl_pipeline.records.messages import (
    Action,
    Message,
    Role,
    make_tool_call,
)

DESK = OrderDesk()


def make_task(tier: str = "short", seed: int = 10_000_000) -> EnvironmentTask:
    return DESK.tasks(tier=tier, seeds=[seed])[0]


def demonstrated_actions(task: EnvironmentTask) -> list[Action]:
    return [
        Action.from_message(message)
        for message in write_demonstration(task).messages
        if message.role is Role.ASSISTANT
    ]


def replay(task: EnvironmentTask, actions: list[Action]) -> DeskEpisode:
    episode = DESK.open(task)
    for action in actions:
        episode.act(action)
    return episode


@pytest.mark.parametrize("tier", ["short", "long"])
@pytest.mark.parametrize("seed", range(10_000_000, 10_000_016))
def test_recorded_actions_reproduce_state_and_observations(
    tier: str, seed: int
) -> None:
    task = make_task(tier, seed)
    written = write_demonstration(task)

    replayed = replay(task, demonstrated_actions(task))

    assert replayed.messages == written.messages
    assert replayed.state_digest() == written.state_digest()
    assert replayed.success


@pytest.mark.parametrize("seed", range(10_000_000, 10_000_040))
def test_a_wrong_final_message_fails(seed: int) -> None:
    task = make_task(seed=seed)
    actions = demonstrated_actions(task)[:-1]

    assert not replay(task, [*actions, Action(content="Order O99 placed.")]).success
    assert not replay(task, [*actions, Action(content="Done.")]).success
    assert not replay(task, [*actions, Action(content="")]).success


def test_a_right_message_over_a_wrong_state_fails() -> None:
    task = make_task()  # an order is to be placed
    *reads, _, message = demonstrated_actions(task)

    assert not replay(task, [*reads, message]).success


def test_another_quantity_is_another_state() -> None:
    task = make_task()
    *reads, write, message = demonstrated_actions(task)
    arguments = {**(write.tool_calls[0].arguments or {}), "quantity": 1}
    changed = Action(tool_calls=(make_tool_call("place_order", arguments),))

    assert not replay(task, [*reads, changed, message]).success


def test_the_two_ways_to_look_up_orders_lead_to_one_state() -> None:
    task = make_task(seed=10_000_001)
    by_id, by_email = DESK.open(task), DESK.open(task)
    orders_by_id = Action(
        tool_calls=(make_tool_call("list_orders", {"customer_id": "C39"}),)
    )
    orders_by_email = Action(
        tool_calls=(make_tool_call("list_orders", {"email": "nobody@mail.com"}),)
    )

    by_id.act(orders_by_id)
    by_email.act(orders_by_email)

    assert by_id.state_digest() == by_email.state_digest()


def test_text_that_is_no_call_is_answered_with_an_error() -> None:
    episode = DESK.open(make_task())

    episode.act(Action(content="<tool_call>{", parse_error="unclosed"))

    assert episode.messages[-1] == Message(Role.TOOL, '{"error":"not a tool call"}')
    assert not episode.is_done
    assert episode.num_turns == 1


def test_an_unknown_tool_is_answered_with_an_error() -> None:
    episode = DESK.open(make_task())

    episode.act(Action(tool_calls=(make_tool_call("close_desk", {}),)))

    assert episode.messages[-1].content == '{"error":"unknown tool"}'
    assert episode.messages[-1].tool_call_id == "call_1"


def test_an_episode_without_a_final_message_ends_at_its_limit() -> None:
    episode = DESK.open(make_task())
    look = Action(tool_calls=(make_tool_call("search_items", {"product": "lamp"}),))

    for _ in range(10):
        assert not episode.is_done
        episode.act(look)

    assert episode.is_done
    assert not episode.success


def test_two_calls_in_one_action_are_both_answered() -> None:
    episode = DESK.open(make_task())
    call = make_tool_call("search_items", {"product": "lamp"})

    episode.act(Action(tool_calls=(call, replace(call, call_id="mine"))))

    assert [m.tool_call_id for m in episode.messages[-2:]] == ["call_1", "mine"]
