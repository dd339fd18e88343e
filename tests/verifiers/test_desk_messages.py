"""The rule for messages on the order desk: every outcome is told from every other."""

import itertools
import json
import re
from pathlib import Path

import pytest

from pivotrl_pipeline.parameters.verifiers import MessageParameters
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.message import MessageVerifier

STATE = State((), ())
VERIFIER = MessageVerifier(
    MessageParameters.model_validate(
        {
            "kind": "message",
            "rule": {
                "kind": "facts",
                "facts": ["ids", "numbers", "dates", "names"],
                "added_facts": "forbid",
                "outcomes": [
                    ["placed", "ordered", "bought", "reordered"],
                    ["cancelled", "canceled"],
                    ["changed", "updated", "amended", "set to"],
                    ["moved", "lives"],
                    ["open"],
                    ["shipped", "sent"],
                    ["in stock", "available", "left"],
                    ["out of stock", "sold out", "not enough"],
                    ["no such order", "no order", "no matching order"],
                    ["no such customer", "no customer", "unknown customer"],
                ],
                "min_token_f1": 0.2,
                "min_token_f1_without_facts": 0.4,
            },
        }
    )
)


def _final_messages() -> list[str]:
    path = Path(__file__).parents[2] / "data/01_raw/order_desk_trajectories.jsonl"
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    every = sorted({row["messages"][-1]["content"] for row in rows})
    return every[::3]


def _means_the_same(demonstrated: str, sampled: str) -> bool:
    verdict = VERIFIER.verify(STATE, Action(demonstrated), Action(sampled))
    return verdict.reward == 1.0


def test_final_messages_of_the_desk_pass_themselves_and_no_other() -> None:
    messages = _final_messages()

    confused = [
        pair
        for pair in itertools.product(messages, repeat=2)
        if _means_the_same(*pair) != (pair[0] == pair[1])
        and not _are_permutations(*pair)
    ]

    assert len(messages) > 40
    assert confused == []


def _are_permutations(left: str, right: str) -> bool:
    errands = [sorted(re.split(r"\d\)", text)) for text in (left, right)]
    return errands[0] == errands[1]


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        ("Order O71 placed.", "Done, O71 placed"),
        ("Order O71 placed.", "I ordered it; the order is O71."),
        ("Order O71 is shipped.", "O71 was sent."),
        ("Customer C17 moved to Oslo.", "C17 now lives in Oslo."),
        ("There are 4 in stock.", "4 are in stock."),
        ("There are 4 in stock.", "There are four left."),
        ("Sorry, out of stock.", "Sorry, sold out."),
        ("Sorry, no such order.", "There is no such order."),
        (
            "Order O2 cancelled, order O3 placed.",
            "I cancelled order O2 and placed O3.",
        ),
    ],
)
def test_other_words_for_the_same_outcome_pass(demonstrated: str, sampled: str) -> None:
    assert _means_the_same(demonstrated, sampled)


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        ("Order O71 placed.", "Order O71 cancelled."),
        ("Order O71 placed.", "Order O17 placed."),
        ("Order O71 placed.", "Order O71 is not placed."),
        ("Order O71 is open.", "Order O71 is shipped."),
        ("Customer C17 moved to Oslo.", "Customer C17 moved to Rome."),
        ("There are 4 in stock.", "There are 5 in stock."),
        ("There are 4 in stock.", "Sorry, out of stock."),
        ("Sorry, no such order.", "Sorry, no such customer."),
        ("Sorry, out of stock.", "Sorry."),
        ("Order O71 changed to 3.", "Order O71 changed to 2."),
        ("Order O71 changed to 3.", "Order O71 placed, 3 pieces."),
        (
            "Order O2 cancelled, order O3 placed.",
            "Order O3 cancelled, order O2 placed.",
        ),
    ],
)
def test_another_outcome_fails(demonstrated: str, sampled: str) -> None:
    assert not _means_the_same(demonstrated, sampled)
