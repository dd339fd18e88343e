"""What a final message must say, in whatever words."""

import pytest

from pivotrl_pipeline.environments.desk.records import Outcome, Report
from pivotrl_pipeline.environments.desk.reports import (
    render_final_message,
    states_facts,
)

PLACED = Report(Outcome.PLACED, order_id="O83")
CANCELLED = Report(Outcome.CANCELLED, order_id="O12")
AMENDED = Report(Outcome.AMENDED, order_id="O12", number=4)
MOVED = Report(Outcome.MOVED, customer_id="C17", city="Rome")
SHIPPED = Report(Outcome.SHIPPED, order_id="O12")
OPEN = Report(Outcome.OPEN, order_id="O12")
IN_STOCK = Report(Outcome.IN_STOCK, number=4)
OUT_OF_STOCK = Report(Outcome.OUT_OF_STOCK)
NO_ORDER = Report(Outcome.NO_ORDER)
NO_CUSTOMER = Report(Outcome.NO_CUSTOMER)
SWAPPED = Report(Outcome.SWAPPED, order_id="O83", old_order_id="O12")
ALL = (
    PLACED,
    CANCELLED,
    AMENDED,
    MOVED,
    SHIPPED,
    OPEN,
    IN_STOCK,
    OUT_OF_STOCK,
    NO_ORDER,
    NO_CUSTOMER,
    SWAPPED,
)


@pytest.mark.parametrize("report", ALL)
def test_the_expert_states_its_facts_and_no_others(report: Report) -> None:
    message = render_final_message([report])

    assert [other for other in ALL if states_facts(message, [other])] == [report]


def test_the_facts_of_all_errands_are_needed() -> None:
    message = render_final_message([PLACED, SHIPPED, NO_ORDER])

    assert message == (
        "1) Order O83 placed. 2) Order O12 is shipped. 3) Sorry, no such order."
    )
    assert states_facts(message, [PLACED, SHIPPED, NO_ORDER])
    assert not states_facts(message, [PLACED, SHIPPED])
    assert not states_facts(message, [PLACED, SHIPPED, NO_ORDER, NO_ORDER])


@pytest.mark.parametrize(
    ("message", "report"),
    [
        ("I have placed order o83 for you.", PLACED),
        ("The order O12 was canceled as you wished", CANCELLED),
        ("O12 was updated to 4 pieces.", AMENDED),
        ("Anna now lives in Rome.", MOVED),
        ("It cannot be cancelled: O12 has shipped.", SHIPPED),
        ("Order O12 is not yet shipped.", OPEN),
        ("4 are available.", IN_STOCK),
        ("Unfortunately that is sold out.", OUT_OF_STOCK),
        ("I found no matching order.", NO_ORDER),
        ("There is no customer of that name.", NO_CUSTOMER),
        ("O12 is cancelled and O83 is placed.", SWAPPED),
    ],
)
def test_other_words_for_the_same_facts_count(message: str, report: Report) -> None:
    assert states_facts(message, [report])


@pytest.mark.parametrize(
    ("message", "report"),
    [
        ("Order O84 placed.", PLACED),
        ("Order O83 and O84 placed.", PLACED),
        ("Order O83 placed. Sorry, out of stock.", PLACED),
        ("Order O12 could not be cancelled.", CANCELLED),
        ("Order O12 changed to 5.", AMENDED),
        ("Order O12 changed to 14.", AMENDED),
        ("Customer C17 moved to Paris.", MOVED),
        ("Order O12 is open.", SHIPPED),
        ("There are 5 in stock.", IN_STOCK),
        ("Order O12 placed, order O83 cancelled.", SWAPPED),
        ("Order O12 cancelled.", SWAPPED),
        ("", NO_ORDER),
        ("Sorry.", NO_ORDER),
    ],
)
def test_wrong_or_missing_facts_do_not_count(message: str, report: Report) -> None:
    assert not states_facts(message, [report])
