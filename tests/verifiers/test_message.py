from typing import Any

import pytest

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import MessageParameters
from pivotrl_pipeline.records.messages import Action, Message, Role, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.message import MessageVerifier, has_text, is_tool_like

STATE = State((Message(Role.USER, "Cancel order O77 for 4 lamps."),), ())
FACTS: dict[str, Any] = {
    "kind": "facts",
    "facts": ["ids", "numbers", "dates"],
    "added_facts": "forbid",
    "outcomes": [["placed", "ordered"], ["cancelled", "canceled"], ["refunded"]],
    "min_token_f1": 0.2,
    "min_token_f1_without_facts": 0.5,
}


def _judge(
    demonstrated: str, sampled: str | None, rule: dict[str, Any] = FACTS
) -> Verdict:
    parameters = MessageParameters.model_validate({"kind": "message", "rule": rule})
    return MessageVerifier(parameters).verify(
        STATE, Action(demonstrated), Action(sampled)
    )


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        ("Order O12 is placed.", "Done, O12 placed"),
        ("Order O12 is placed.", "I have ordered it: your order is **o12**."),
        ("Order O12 is placed.", "Order O12 is placed. Anything else?"),
        ("Order O12 is placed.", "No problem! Order O12 is placed."),
        ("Order O12 could not be cancelled.", "Sorry, I can\u2019t get O12 cancelled."),
        ("The total is $1,200.50.", "The total: 1200.5 dollars"),
        ("The total is 40.", "The total is 40.00"),
        ("You have 3 lamps.", "You have three lamps."),
        ("You have three lamps.", "You have 3 lamps."),
        ("It ships on 2024-05-20.", "It ships May 20, 2024."),
        ("It ships on 20th of May.", "It ships 2024-05-20"),
        ("It leaves at 2:30 PM today.", "It leaves today at 14:30"),
        ("It leaves at 2 pm today.", "Today it leaves at 14:00."),
        ("Write to ann@example.org.", "You can write to Ann@Example.org"),
        ("1. Lamp O1\n2. Chair O2", "Lamp O1 and Chair O2"),
        ("1) Lamp O1. 2) Chair O2.", "Lamp O1 and Chair O2"),
        ("What is your user id?", "Could you tell me your user id, what is it?"),
        ("Is that the 2nd lamp?", "Is it lamp 2?"),
        ("You have 5k points.", "You have 5,000 points."),
        ("Your balance is -$50.", "The balance is \u221250."),
        ("Temperature is .5 degrees.", "Temperature is 0.50 degrees."),
        ("(1) Lamp O1 (2) Chair O2", "Lamp O1 and Chair O2"),
        ("It takes 3-5 days.", "It takes 3 - 5 days."),
        ("The bell rings at 12:30:00.", "The bell rings at 12:30."),
        ("Order A-1001 is placed.", "Placed: order a-1001"),
        ("A T-shirt for 5.", "A T shirt for 5."),
    ],
)
def test_paraphrase_with_the_same_facts_passes(demonstrated: str, sampled: str) -> None:
    assert _judge(demonstrated, sampled) == Verdict(1.0, VerdictReason.EQUIVALENT)


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "reason", "detail"),
    [
        ("Order O12 is placed.", "Order O13 is placed.", "fact", "ids left out: o12"),
        ("Order O12 is placed.", "Your order is placed.", "fact", "ids left out: o12"),
        ("Order O12 is placed.", "O12 placed, and O13.", "fact", "ids added: o13"),
        ("Order O12 is placed.", "O12 is placed for 4.", "fact", "numbers added: 4"),
        ("Order O12 is placed.", "Order O12 is cancelled.", "fact", "another outcome"),
        ("Order O12 is placed.", "Order O12.", "fact", "another outcome"),
        ("The total is 40.", "The total is 45.", "fact", "numbers left out: 40"),
        ("The total is 40.", "The total is 4.0", "fact", "numbers left out: 40"),
        ("It ships on 2024-05-20.", "It ships on 2023-05-20.", "fact", "dates left"),
        ("It ships on May 20.", "It ships on May 21.", "fact", "dates left out: 05-20"),
        ("It leaves at 2:30 PM.", "It leaves at 2:30 AM.", "fact", "dates left"),
        ("You have 5k points.", "You have 5 points.", "fact", "numbers left out: 5000"),
        ("Your balance is -50.", "Your balance is 50.", "fact", "numbers left out: -"),
        ("Temperature is .5.", "Temperature is 5.", "fact", "numbers left out: 0.5"),
        ("Items (3) cost 20.", "Items (4) cost 20.", "fact", "numbers left out: 3"),
        (
            "Seats (row 12) left.",
            "Seats (row 13) left.",
            "fact",
            "numbers left out: 12",
        ),
        ("Order A-1001 sent.", "Order B-1001 sent.", "fact", "ids left out: a-1001"),
        ("At 12:30:45.", "At 12:30:15.", "fact", "dates left out: 12:30:45"),
        ("O12\uff1f\u8c22\u8c22\u3002", "O12\u3002", "message", "question against"),
        (
            "Order O12 is placed.",
            "Order O12 is not placed.",
            "message",
            "refusal against none",
        ),
        (
            "Order O12 is placed.",
            "Shall I say that O12 is placed?",
            "message",
            "question against none",
        ),
        (
            "Order O12 is placed.",
            "O12 placed " + "blah " * 60,
            "message",
            "token F1 0.06, expected at least 0.20",
        ),
        (
            "What is your user id?",
            "Which colour would you like?",
            "message",
            "token F1 0.00, expected at least 0.50",
        ),
    ],
)
def test_changed_meaning_fails(
    demonstrated: str, sampled: str, reason: str, detail: str
) -> None:
    verdict = _judge(demonstrated, sampled)

    assert verdict.reward == 0.0
    assert verdict.reason == f"{reason}_mismatch"
    assert verdict.detail.startswith(detail)


def test_added_facts_may_be_known_to_the_state() -> None:
    rule = {**FACTS, "added_facts": "known"}

    known = _judge("Order O77 is cancelled.", "Order O77, 4 lamps, is cancelled.", rule)
    invented = _judge("Order O77 is cancelled.", "Order O77, 5 lamps, cancelled.", rule)

    assert known.reward == 1.0
    assert invented.detail == "numbers added: 5"


def test_codes_and_names_are_facts_where_asked_for() -> None:
    rule = {**FACTS, "facts": ["codes", "names"]}
    demonstrated = "Your flight to JFK is booked for Anna."

    same = _judge(demonstrated, "Booked: flight to JFK for Anna", rule)
    other_code = _judge(demonstrated, "Your flight to LAX is booked for Anna.", rule)
    other_name = _judge(demonstrated, "Your flight to JFK is booked for Peter.", rule)

    assert same.reward == 1.0
    assert other_code.detail == "codes left out: JFK"
    assert other_name.detail == "names left out: Anna"


@pytest.mark.parametrize(
    ("sampled", "reward"),
    [
        ("O2 is ordered and O1 is canceled.", 1.0),
        ("1) O1: cancelled 2) O2 placed", 0.0),
        ("1) O1 cancelled 2) O2 placed", 1.0),
        ("Order O2 cancelled, order O1 placed.", 0.0),
        ("Orders O1 and O2: cancelled, placed.", 0.0),
    ],
)
def test_several_outcomes_are_told_of_the_same_things(
    sampled: str, reward: float
) -> None:
    verdict = _judge("Order O1 cancelled, order O2 placed.", sampled)

    assert verdict.reward == reward


def test_outcome_may_be_a_phrase() -> None:
    rule = {**FACTS, "outcomes": [["no such order"], ["no such customer", "unknown"]]}

    assert _judge("No such customer.", "No, unknown customer!", rule).reward == 1.0
    assert _judge("No such customer.", "No such order.", rule).detail == (
        "another outcome"
    )


@pytest.mark.parametrize(
    ("kind", "sampled", "reward"),
    [
        # demonstrated "red lamp costs forty" (the article does not count)
        # "red lamp is cheap": 2 common, 2 * 2 / (4 + 4) = 0.5
        ("token_f1", "The red lamp is cheap", 1.0),
        ("token_f1", "A chair is cheap", 0.0),
        ("token_f1", "forty costs lamp red", 1.0),
        # longest common subsequence 1: 2 * 1 / 8 = 0.25
        ("rouge_l", "forty costs lamp red", 0.0),
        ("rouge_l", "red is the lamp", 1.0),
    ],
)
def test_word_overlap_decides_at_its_threshold(
    kind: str, sampled: str, reward: float
) -> None:
    verdict = _judge(
        "The red lamp costs forty", sampled, {"kind": kind, "threshold": 0.5}
    )

    assert verdict.reward == reward


@pytest.mark.parametrize("rule", [{"kind": "any"}, FACTS])
@pytest.mark.parametrize(
    "sampled", [None, "", "  \n\t", "\u200b\u200b", "...", "\u00a0", "?!"]
)
def test_empty_message_fails_under_every_rule(
    sampled: str | None, rule: dict[str, Any]
) -> None:
    assert _judge("Hello", sampled, rule).reason is VerdictReason.EMPTY_MESSAGE


@pytest.mark.parametrize(
    "sampled",
    [
        '<tool_call>{"name": "find"}</tool_call>',
        "Let me see <tool_call",
        "done </tool_call>",
        "<function=find>",
        "[TOOL_CALLS] find",
        "<\uff5ctool\u2581calls\u2581begin\uff5c>",
        '{"name": "find", "arguments": {}}',
        '```json\n{"name": "find", "arguments": {}}\n```',
        '[{"function": {"name": "find"}}]',
    ],
)
def test_tool_call_spelt_out_fails_under_every_rule(sampled: str) -> None:
    verdict = _judge("Hello", sampled, {"kind": "any"})

    assert verdict == Verdict(0.0, VerdictReason.TOOL_LIKE_MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        "Your tool call failed.",
        '{"colour": "red"}',
        "[1, 2]",
        "[see below]",
        "{not json",
        "Use <b>bold</b>",
    ],
)
def test_talk_about_tools_and_data_is_no_tool_call(text: str) -> None:
    assert not is_tool_like(text)


def test_pictogram_is_text() -> None:
    assert has_text("\U0001f44d")


def test_any_message_passes_where_asked_for_by_name() -> None:
    assert _judge("Hello", "asdf", {"kind": "any"}).reward == 1.0


def test_call_for_a_message_fails() -> None:
    parameters = MessageParameters.model_validate({"kind": "message", "rule": FACTS})
    call = Action(tool_calls=(make_tool_call("find", "{}"),))
    verifier = MessageVerifier(parameters)

    assert verifier.verify(STATE, Action("Hello"), call) == Verdict(
        0.0, VerdictReason.MESSAGE_EXPECTED
    )
    with pytest.raises(VerifierError, match="by_action_type"):
        verifier.verify(STATE, call, call)
