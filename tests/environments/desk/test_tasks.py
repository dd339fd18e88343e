"""Tasks: kinds, wordings, turns, and that the expert does all of them."""

from collections import Counter

import pytest

from pivotrl_pipeline.environments.desk import OrderDesk
from pivotrl_pipeline.environments.desk.environment import make_scenario
from pivotrl_pipeline.environments.desk.records import Kind
from pivotrl_pipeline.environments.desk.transcripts import write_demonstration
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.messages import Role

SHORT_SEEDS = take_seeds(SeedRange.DEMONSTRATION, 400)
LONG_SEEDS = take_seeds(SeedRange.DEMONSTRATION, 60)


def test_forty_consecutive_short_tasks_hold_every_kind_and_wording_once() -> None:
    tasks = OrderDesk().tasks(tier="short", seeds=SHORT_SEEDS[:40])

    counts = Counter((task.kind, task.settings["wording"]) for task in tasks)
    assert counts == {(kind, wording): 1 for kind in Kind for wording in range(5)}


def test_a_task_id_says_tier_kind_and_seed() -> None:
    (short,) = OrderDesk().tasks(tier="short", seeds=[10_000_001])
    (long,) = OrderDesk().tasks(tier="long", seeds=[10_000_000])

    assert short.task_id == "order_desk/short/cancel/10000001"
    assert long.task_id.startswith("order_desk/long/errands_")


def test_the_expert_does_every_short_task_in_two_to_six_turns() -> None:
    tasks = OrderDesk().tasks(tier="short", seeds=SHORT_SEEDS)
    episodes = [write_demonstration(task) for task in tasks]

    assert all(episode.success for episode in episodes)
    assert {episode.num_turns for episode in episodes} == {2, 3, 4, 5, 6}


def test_the_expert_does_every_long_task_in_eight_to_sixteen_turns() -> None:
    tasks = OrderDesk().tasks(tier="long", seeds=LONG_SEEDS)
    episodes = [write_demonstration(task) for task in tasks]

    assert all(episode.success for episode in episodes)
    assert {episode.num_turns for episode in episodes} <= set(range(8, 17))
    assert {task.kind for task in tasks} == {"errands_2", "errands_3", "errands_4"}


def test_some_right_ends_of_each_reading_kind_are_refusals() -> None:
    tasks = OrderDesk().tasks(tier="short", seeds=SHORT_SEEDS)
    refused = {
        task.kind
        for task in tasks
        if "Sorry" in str(write_demonstration(task).messages[-1].content)
    }

    assert refused == set(Kind)


def test_ids_are_learnt_from_tool_results_only() -> None:
    tasks = OrderDesk().tasks(tier="short", seeds=SHORT_SEEDS[:80])
    requests = [OrderDesk().open(task).messages[1].content or "" for task in tasks]
    scenarios = [make_scenario("short", task.seed) for task in tasks]

    assert not any(
        order.order_id in request
        for request, scenario in zip(requests, scenarios, strict=True)
        for order in scenario.world.orders
    )


def test_a_request_for_several_things_numbers_them() -> None:
    (task,) = OrderDesk().tasks(tier="long", seeds=[10_000_000])
    request = OrderDesk().open(task).messages[1].content or ""
    num_errands = len(make_scenario("long", task.seed).errands)

    assert request.startswith("1) ")
    assert f" {num_errands}) " in request
    assert f" {num_errands + 1}) " not in request


def test_the_same_task_opens_the_same_episode() -> None:
    desk = OrderDesk()
    (task,) = desk.tasks(tier="long", seeds=[10_000_007])
    one, other = desk.open(task), desk.open(task)

    assert one.messages == other.messages
    assert one.state_digest() == other.state_digest()


def test_a_demonstration_numbers_its_calls() -> None:
    (task,) = OrderDesk().tasks(tier="short", seeds=[10_000_000])
    messages = write_demonstration(task).messages

    ids = [call.call_id for message in messages for call in message.tool_calls]
    answered = [m.tool_call_id for m in messages if m.role is Role.TOOL]
    assert ids == answered == [f"call_{n}" for n in range(1, len(ids) + 1)]


def test_an_unknown_tier_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'shrot'.*long, short.*'short'"):
        OrderDesk().tasks(tier="shrot", seeds=[0])
