from dataclasses import replace
from typing import Any

import pytest

from pivotrl_pipeline.environments.desk.environment import OrderDesk, make_scenario
from pivotrl_pipeline.environments.desk.records import Customer
from pivotrl_pipeline.environments.desk.transcripts import write_demonstration
from pivotrl_pipeline.environments.registry import open_from_metadata
from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.parameters.verifiers import ReplayParameters
from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    Message,
    Role,
    make_tool_call,
)
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.replay import ReplayVerifier

DESK = OrderDesk()
SEEDS = range(10_000_000, 10_000_024)
VERIFIER = ReplayVerifier(
    ReplayParameters(kind="replay", max_calls=8), open_from_metadata
)
Turn = tuple[State, Action]


def _turns(seed: int) -> list[Turn]:
    (task,) = DESK.tasks(tier="short", seeds=[seed])
    metadata: JsonObject = {
        "environment": task.domain,
        "kind": task.kind,
        "seed": seed,
        **task.settings,
    }
    messages = write_demonstration(task).messages
    return [
        (State(messages[:index], DESK.tools, metadata), Action.from_message(message))
        for index, message in enumerate(messages)
        if message.role is Role.ASSISTANT
    ]


TURNS = [turn for seed in SEEDS for turn in _turns(seed)]


def _calls(*calls: tuple[str, Any]) -> Action:
    return Action(
        tool_calls=tuple(make_tool_call(name, arguments) for name, arguments in calls)
    )


def _first_turn_with(tool: str) -> Turn:
    return next(
        (state, action)
        for state, action in TURNS
        if [call.name for call in action.tool_calls] == [tool]
    )


def test_every_demonstrated_turn_of_the_desk_passes() -> None:
    verdicts = [VERIFIER.verify(state, action, action) for state, action in TURNS]

    assert len(verdicts) > 3 * len(SEEDS)
    assert {verdict.reason for verdict in verdicts} == {VerdictReason.EQUIVALENT}


def test_another_way_to_the_same_place_passes() -> None:
    state, demonstrated = _first_turn_with("place_order")
    arguments = demonstrated.tool_calls[0].arguments or {}
    spelt_out: JsonObject = {"quantity": 1, "shipping": "standard", **arguments}

    verdict = VERIFIER.verify(state, demonstrated, _calls(("place_order", spelt_out)))

    assert verdict == Verdict(1.0, VerdictReason.EQUIVALENT)


def _customer_with_a_name_of_her_own() -> tuple[State, Customer]:
    for seed in SEEDS:
        customers = make_scenario("short", seed).world.customers
        names = [customer.name for customer in customers]
        for customer in customers:
            if names.count(customer.name) == 1:
                return _turns(seed)[0][0], customer
    raise AssertionError("every name of every world repeats")


def test_customer_found_by_mail_is_the_one_found_by_name() -> None:
    state, unique = _customer_with_a_name_of_her_own()
    by_name = _calls(("find_customer", {"name": unique.name}))

    by_mail = _calls(("find_customer", {"email": unique.email}))
    of_another = _calls(("find_customer", {"email": "nobody@example.org"}))

    assert VERIFIER.verify(state, by_name, by_mail).reward == 1.0
    assert VERIFIER.verify(state, by_name, of_another).reward == 0.0


def test_another_effect_fails() -> None:
    state, demonstrated = _first_turn_with("place_order")
    arguments = demonstrated.tool_calls[0].arguments or {}
    more = _calls(("place_order", {**arguments, "quantity": 9}))

    verdict = VERIFIER.verify(state, demonstrated, more)

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason.OUTCOME_MISMATCH)


def test_look_up_for_an_effect_fails() -> None:
    state, demonstrated = _first_turn_with("cancel_order")
    arguments = demonstrated.tool_calls[0].arguments or {}

    verdict = VERIFIER.verify(state, demonstrated, _calls(("get_order", arguments)))

    assert verdict.detail == "another state of the world"


def test_surplus_look_up_is_another_answer() -> None:
    state, demonstrated = _first_turn_with("find_customer")
    spray = Action(tool_calls=demonstrated.tool_calls * 2)

    assert VERIFIER.verify(state, demonstrated, spray).detail == (
        "another answer of the world"
    )
    assert VERIFIER.verify(
        state, demonstrated, Action(tool_calls=demonstrated.tool_calls * 9)
    ) == Verdict(0.0, VerdictReason.SURPLUS_CALL, "9 calls")


def test_two_look_ups_that_find_nothing_are_not_the_same() -> None:
    state, _ = TURNS[0]
    nobody = _calls(("find_customer", {"name": "Nobody"}))
    noone = _calls(("find_customer", {"name": "Noone"}))
    broken = _calls(("find_customer", {}))

    assert VERIFIER.verify(state, nobody, nobody).reward == 1.0
    assert VERIFIER.verify(state, nobody, noone).detail == (
        "another call that is told nothing"
    )
    assert VERIFIER.verify(state, broken, _calls(("list_orders", {}))).reward == 0.0


def test_look_up_that_finds_nothing_counts_beside_one_that_finds_something() -> None:
    state, unique = _customer_with_a_name_of_her_own()
    found = ("find_customer", {"name": unique.name})
    nobody = ("find_customer", {"name": "Nobody"})
    noone = ("find_customer", {"name": "Noone"})
    by_mail = ("find_customer", {"email": unique.email})

    assert VERIFIER.verify(
        state, _calls(found, nobody), _calls(nobody, by_mail)
    ) == Verdict(1.0, VerdictReason.EQUIVALENT)
    assert VERIFIER.verify(
        state, _calls(found, nobody), _calls(found, noone)
    ).detail == ("another call that is told nothing")


def test_look_up_that_finds_nothing_counts_beside_an_effect() -> None:
    state, demonstrated = _first_turn_with("place_order")
    effect = ("place_order", demonstrated.tool_calls[0].arguments or {})
    nobody = ("find_customer", {"name": "Nobody"})
    noone = ("find_customer", {"name": "Noone"})
    both = _calls(effect, nobody)

    assert VERIFIER.verify(state, both, both).reward == 1.0
    assert VERIFIER.verify(state, both, _calls(nobody, effect)).reward == 1.0
    assert VERIFIER.verify(state, both, _calls(effect, noone)).reward == 0.0


def test_final_message_is_judged_by_the_task() -> None:
    state, demonstrated = next(
        turn for turn in TURNS if not turn[1].tool_calls and "placed" in str(turn[1])
    )
    text = demonstrated.content or ""

    reworded = Action(f"Done: {text}")
    wrong = Action(text.replace("placed", "cancelled"))

    assert VERIFIER.verify(state, demonstrated, reworded).reward == 1.0
    assert VERIFIER.verify(state, demonstrated, wrong).detail == (
        "does not complete the task"
    )
    assert VERIFIER.verify(state, demonstrated, Action(" ")).reason is (
        VerdictReason.EMPTY_MESSAGE
    )
    endless = Action(text + " and so on" * 200)
    assert VERIFIER.verify(state, demonstrated, endless).reason is (
        VerdictReason.MESSAGE_MISMATCH
    )


def test_words_of_the_user_are_no_report() -> None:
    state, demonstrated = next(
        turn for turn in TURNS if not turn[1].tool_calls and "moved" in str(turn[1])
    )
    request = next(m.content for m in state.prefix if m.role is Role.USER) or ""
    echo = Action(f"{request.upper()}!")

    verdict = VERIFIER.verify(state, demonstrated, echo)

    assert verdict == Verdict(
        0.0, VerdictReason.MESSAGE_MISMATCH, "the user's own words"
    )
    assert VERIFIER.verify(state, echo, echo).reason is not verdict.reason


def test_message_that_does_not_complete_the_task_cannot_be_judged() -> None:
    state, _ = TURNS[0]

    verdict = VERIFIER.verify(state, Action("One moment."), Action("Wait, please."))

    assert (verdict.reward, verdict.reason) == (None, VerdictReason.NOT_JUDGED)


def test_talk_never_stands_for_a_call() -> None:
    state, demonstrated = TURNS[0]

    assert VERIFIER.verify(state, demonstrated, Action("Hi")).reason == "call_expected"


def test_trajectory_of_another_task_is_an_error() -> None:
    state, demonstrated = TURNS[1]
    other = replace(state, metadata={**state.metadata, "seed": 10_000_007})

    with pytest.raises(VerifierError, match="Answer 0 of the replayed turns differs"):
        VERIFIER.verify(other, demonstrated, demonstrated)


def test_order_of_keys_and_spaces_in_an_answer_mean_nothing() -> None:
    state, demonstrated = TURNS[1]
    prefix = tuple(
        Message(Role.TOOL, (message.content or "").replace('":', '": '))
        if message.role is Role.TOOL
        else message
        for message in state.prefix
    )

    verdict = VERIFIER.verify(replace(state, prefix=prefix), demonstrated, demonstrated)

    assert verdict.reward == 1.0


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "names the environment None; choose from: order_desk"),
        ({"environment": "order_dsk"}, "Did you mean 'order_desk'"),
        ({"environment": "order_desk"}, "has the seed None"),
        ({"environment": "order_desk", "seed": 1, "tier": "tall"}, "Unknown tier"),
    ],
)
def test_metadata_without_a_world_is_an_error(
    metadata: JsonObject, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_from_metadata(metadata)
