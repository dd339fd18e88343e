"""Does errands: a routine a kind, which yields calls and returns a report.

A routine is driven by whoever holds the world: it yields a `Call`, is sent the tool's
result and ends with the `Report`. `Habits` are the systematic mistakes of a careless
clerk; the expert has none of them.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, cast

from pivotrl_pipeline.environments.desk.records import Errand, Kind, Outcome, Report
from pivotrl_pipeline.records.messages import JsonObject


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call to make."""

    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Habits:
    """Which corners are cut."""

    takes_first_customer: bool = False
    takes_first_order: bool = False
    takes_first_item: bool = False
    orders_single: bool = False
    """Forgets the quantity."""
    forgets_express: bool = False
    answers_early: bool = False
    """Reports success before doing the last thing."""
    refuses_fast: bool = False
    """Reports that it cannot be done although it can."""
    keeps_old_order: bool = False
    """In an exchange, places the new order only."""
    skips_customer: bool = False
    """Lists orders by e-mail without looking the customer up; as good, and shorter."""
    filters_colour: bool = False
    """Searches for the colour too; as good."""
    prefers_name: bool = False
    """Looks a customer up by name where an e-mail is given too."""


EXPERT_HABITS = Habits()
Routine: TypeAlias = Generator[Call, JsonObject, Report]
_Rows: TypeAlias = list[dict[str, str | int]]


class _Refusal(Exception):  # noqa: N818 - ends a routine, is no error
    """Ends a routine with a refusal."""

    def __init__(self, outcome: Outcome, order_id: str = "") -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.order_id = order_id


def do_errand(errand: Errand, habits: Habits = EXPERT_HABITS) -> Routine:
    """The routine of the errand's kind."""
    try:
        return (yield from _ROUTINES[errand.kind](errand, habits))
    except _Refusal as refusal:
        return Report(refusal.outcome, order_id=refusal.order_id)


def _place(errand: Errand, habits: Habits) -> Routine:
    customer_id = yield from _find_customer(errand, habits)
    item_id = yield from _find_item(errand.product, errand.colour, errand, habits)
    order_id = yield from _place_order(
        customer_id, item_id, errand.quantity, errand, habits
    )
    return Report(Outcome.PLACED, order_id=order_id)


def _cancel(errand: Errand, habits: Habits) -> Routine:
    order_id = yield from _find_open_order(errand, habits)
    if not habits.answers_early:
        yield from _write(Call("cancel_order", {"order_id": order_id}), order_id)
    return Report(Outcome.CANCELLED, order_id=order_id)


def _amend(errand: Errand, habits: Habits) -> Routine:
    order_id = yield from _find_open_order(errand, habits)
    quantity = 1 if habits.orders_single else errand.quantity
    if not habits.answers_early:
        arguments: JsonObject = {"order_id": order_id, "quantity": quantity}
        yield from _write(Call("change_quantity", arguments), order_id)
    return Report(Outcome.AMENDED, order_id=order_id, number=quantity)


def _move(errand: Errand, habits: Habits) -> Routine:
    customer_id = yield from _find_customer(errand, habits)
    if not habits.answers_early:
        arguments: JsonObject = {"customer_id": customer_id, "city": errand.new_city}
        yield from _write(Call("change_city", arguments))
    return Report(Outcome.MOVED, customer_id=customer_id, city=errand.new_city)


def _status(errand: Errand, habits: Habits) -> Routine:
    order_id, status = yield from _find_order(errand, habits)
    if habits.answers_early:
        return Report(Outcome.OPEN, order_id=order_id)
    return Report(Outcome(status), order_id=order_id)


def _stock(errand: Errand, habits: Habits) -> Routine:
    if habits.answers_early:
        return Report(Outcome.OUT_OF_STOCK)
    row = yield from _search_item(errand.product, errand.colour, habits)
    stock = cast("int", row["stock"])
    if stock == 0:
        return Report(Outcome.OUT_OF_STOCK)
    return Report(Outcome.IN_STOCK, number=stock)


def _reorder(errand: Errand, habits: Habits) -> Routine:
    order_id, _ = yield from _find_order(errand, habits)
    order = yield Call("get_order", {"order_id": order_id})
    if habits.answers_early:
        return Report(Outcome.PLACED, order_id=order_id)
    placed_id = yield from _place_order(
        cast("str", order["customer_id"]),
        cast("str", order["item_id"]),
        cast("int", order["quantity"]),
        errand,
        habits,
    )
    return Report(Outcome.PLACED, order_id=placed_id)


def _swap(errand: Errand, habits: Habits) -> Routine:
    customer_id = yield from _find_customer(errand, habits)
    old_id, _ = yield from _choose_order(customer_id, errand, habits, must_be_open=True)
    item_id = yield from _find_item(
        errand.new_product, errand.new_colour, errand, habits
    )
    if not habits.keeps_old_order:
        yield from _write(Call("cancel_order", {"order_id": old_id}), old_id)
    if habits.answers_early:
        return Report(Outcome.CANCELLED, order_id=old_id)
    order_id = yield from _place_order(
        customer_id, item_id, errand.quantity, errand, habits
    )
    return Report(Outcome.SWAPPED, order_id=order_id, old_order_id=old_id)


def _find_customer(errand: Errand, habits: Habits) -> Generator[Call, JsonObject, str]:
    by_email = errand.email and not (habits.prefers_name and errand.name)
    result = yield Call(
        "find_customer",
        {"email": errand.email} if by_email else {"name": errand.name},
    )
    rows = cast("_Rows", result["customers"])
    if len(rows) > 1 and errand.email and not by_email:
        result = yield Call("find_customer", {"email": errand.email})
        rows = cast("_Rows", result["customers"])
    if not rows:
        raise _Refusal(Outcome.NO_CUSTOMER)
    if habits.refuses_fast and errand.kind is Kind.MOVE:
        raise _Refusal(Outcome.NO_CUSTOMER)
    if habits.takes_first_customer or by_email or not errand.city:
        return cast("str", rows[0]["id"])
    matching = [row for row in rows if row["city"] == errand.city]
    if not matching:
        raise _Refusal(Outcome.NO_CUSTOMER)
    return cast("str", matching[0]["id"])


def _find_order(
    errand: Errand, habits: Habits
) -> Generator[Call, JsonObject, tuple[str, str]]:
    if habits.skips_customer and errand.email:
        result = yield Call("list_orders", {"email": errand.email})
        return _match_order(result, errand, habits)
    customer_id = yield from _find_customer(errand, habits)
    return (yield from _choose_order(customer_id, errand, habits, must_be_open=False))


def _find_open_order(
    errand: Errand, habits: Habits
) -> Generator[Call, JsonObject, str]:
    order_id, status = yield from _find_order(errand, habits)
    if status != "open":
        raise _Refusal(Outcome(status), order_id)
    return order_id


def _choose_order(
    customer_id: str, errand: Errand, habits: Habits, *, must_be_open: bool
) -> Generator[Call, JsonObject, tuple[str, str]]:
    result = yield Call("list_orders", {"customer_id": customer_id})
    order_id, status = _match_order(result, errand, habits)
    if must_be_open and status != "open":
        raise _Refusal(Outcome(status), order_id)
    return order_id, status


def _match_order(result: JsonObject, errand: Errand, habits: Habits) -> tuple[str, str]:
    rows = cast("_Rows", result["orders"])
    if habits.refuses_fast:
        raise _Refusal(Outcome.NO_ORDER)
    title = f"{errand.colour} {errand.product}"
    matching = [row for row in rows if habits.takes_first_order or row["item"] == title]
    if not matching:
        raise _Refusal(Outcome.NO_ORDER)
    return cast("str", matching[0]["id"]), cast("str", matching[0]["status"])


def _search_item(
    product: str, colour: str, habits: Habits
) -> Generator[Call, JsonObject, dict[str, str | int]]:
    arguments: JsonObject = {"product": product}
    if habits.filters_colour:
        arguments["colour"] = colour
    result = yield Call("search_items", arguments)
    rows = cast("_Rows", result["items"])
    if habits.takes_first_item:
        return rows[0]
    return next(row for row in rows if row["colour"] == colour)


def _find_item(
    product: str, colour: str, errand: Errand, habits: Habits
) -> Generator[Call, JsonObject, str]:
    row = yield from _search_item(product, colour, habits)
    if habits.refuses_fast or cast("int", row["stock"]) < errand.quantity:
        raise _Refusal(Outcome.OUT_OF_STOCK)
    return cast("str", row["id"])


def _place_order(
    customer_id: str, item_id: str, quantity: int, errand: Errand, habits: Habits
) -> Generator[Call, JsonObject, str]:
    arguments: JsonObject = {"customer_id": customer_id, "item_id": item_id}
    if quantity != 1 and not habits.orders_single:
        arguments["quantity"] = quantity
    if errand.express and not habits.forgets_express:
        arguments["shipping"] = "express"
    result = yield from _write(Call("place_order", arguments))
    return cast("str", result["id"])


def _write(call: Call, order_id: str = "") -> Generator[Call, JsonObject, JsonObject]:
    """Makes a call that may be refused; the tool's reason becomes the outcome."""
    result = yield call
    match result.get("error"):
        case None:
            return result
        case "out of stock":
            raise _Refusal(Outcome.OUT_OF_STOCK)
        case "order is shipped":
            raise _Refusal(Outcome.SHIPPED, order_id)
        case "no such customer":
            raise _Refusal(Outcome.NO_CUSTOMER)
        case _:
            raise _Refusal(Outcome.NO_ORDER)


_ROUTINES = {
    Kind.PLACE: _place,
    Kind.CANCEL: _cancel,
    Kind.AMEND: _amend,
    Kind.MOVE: _move,
    Kind.STATUS: _status,
    Kind.STOCK: _stock,
    Kind.REORDER: _reorder,
    Kind.SWAP: _swap,
}
