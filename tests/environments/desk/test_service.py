"""What each tool of the desk answers."""

import pytest
from tests.environments.desk.worlds import Desk

from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.records.messages import JsonObject

ANNA = {"id": "C17", "name": "Anna", "city": "Paris"}
NAMESAKE = {"id": "C42", "name": "Anna", "city": "Rome"}


def test_customers_are_found_by_name_or_by_email() -> None:
    desk = Desk()

    assert desk.call("find_customer", name="Anna") == {"customers": [ANNA, NAMESAKE]}
    assert desk.call("find_customer", email="anna1@mail.com") == {"customers": [ANNA]}


@pytest.mark.parametrize("name", ["anna", "ANNA", "aNNa"])
def test_names_are_compared_without_case(name: str) -> None:
    desk = Desk()

    assert desk.call("find_customer", name=name) == {"customers": [ANNA, NAMESAKE]}


def test_nobody_found_is_an_empty_list() -> None:
    assert Desk().call("find_customer", name="Zoe") == {"customers": []}


def test_orders_are_listed_by_customer_or_by_email() -> None:
    desk = Desk()
    expected = {
        "orders": [
            {"id": "O83", "item": "blue lamp", "status": "open"},
            {"id": "O84", "item": "green sofa", "status": "shipped"},
        ]
    }

    assert desk.call("list_orders", customer_id="C17") == expected
    assert desk.call("list_orders", email="Anna1@mail.com") == expected
    assert desk.call("list_orders", customer_id="C17", status="any") == expected


def test_orders_can_be_listed_by_status() -> None:
    answer = Desk().call("list_orders", customer_id="C17", status="shipped")

    assert answer == {
        "orders": [{"id": "O84", "item": "green sofa", "status": "shipped"}]
    }


def test_an_order_is_told_with_its_ids() -> None:
    assert Desk().call("get_order", order_id="O83") == {
        "id": "O83",
        "customer_id": "C17",
        "item_id": "I52",
        "quantity": 2,
        "status": "open",
    }


def test_items_are_searched_by_product_and_colour() -> None:
    desk = Desk()
    blue = {"id": "I52", "colour": "blue", "stock": 4}
    red = {"id": "I53", "colour": "red", "stock": 0}

    assert desk.call("search_items", product="Lamp") == {"items": [blue, red]}
    assert desk.call("search_items", product="lamp", colour="RED") == {"items": [red]}


def test_a_placed_order_takes_its_pieces_from_the_stock() -> None:
    desk = Desk()

    answer = desk.call("place_order", customer_id="C63", item_id="I52", quantity=3)

    assert answer["status"] == "open"
    placed = desk.store.find_order(str(answer["id"]))
    assert placed is not None
    assert (placed.customer_id, placed.quantity, placed.shipping) == (
        "C63",
        3,
        "standard",
    )
    item = desk.store.find_item("I52")
    assert item is not None
    assert item.stock == 1  # 4 - 3


def test_left_out_arguments_take_their_defaults() -> None:
    spelled, silent = Desk(), Desk()

    first = spelled.call(
        "place_order",
        customer_id="C63",
        item_id="I52",
        quantity=1,
        shipping="standard",
    )
    second = silent.call("place_order", customer_id="C63", item_id="I52")

    assert first == second
    assert spelled.store.digest() == silent.store.digest()


def test_a_changed_quantity_moves_the_difference() -> None:
    desk = Desk()

    assert desk.call("change_quantity", order_id="O83", quantity=5) == {
        "id": "O83",
        "quantity": 5,
    }

    item = desk.store.find_item("I52")
    assert item is not None
    assert item.stock == 1  # 4 - (5 - 2)


def test_a_cancelled_order_gives_its_pieces_back() -> None:
    desk = Desk()

    assert desk.call("cancel_order", order_id="O83") == {
        "id": "O83",
        "status": "cancelled",
    }

    item = desk.store.find_item("I52")
    assert item is not None
    assert item.stock == 6  # 4 + 2


def test_a_city_is_stored_as_it_is_written_on_maps() -> None:
    desk = Desk()

    assert desk.call("change_city", customer_id="C17", city="lisbon") == {
        "id": "C17",
        "city": "Lisbon",
    }


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("find_customer", {}, "give name or email"),
        ("find_customer", {"nom": "Anna"}, "unknown argument nom"),
        ("find_customer", {"name": 3}, "name must be a string"),
        ("find_customer", {"name": "\ud800"}, "name is not Unicode"),
        ("list_orders", {}, "give customer_id or email"),
        ("list_orders", {"customer_id": "C99"}, "no such customer"),
        ("list_orders", {"email": "who@mail.com"}, "no such customer"),
        (
            "list_orders",
            {"customer_id": "C17", "status": "lost"},
            "status must be one of any, open, shipped, cancelled",
        ),
        ("get_order", {}, "missing argument order_id"),
        ("get_order", {"order_id": "O99"}, "no such order"),
        ("search_items", {"colour": "red"}, "missing argument product"),
        ("place_order", {"customer_id": "C17"}, "missing argument item_id"),
        ("place_order", {"customer_id": "C99", "item_id": "I52"}, "no such customer"),
        ("place_order", {"customer_id": "C17", "item_id": "I99"}, "no such item"),
        (
            "place_order",
            {"customer_id": "C17", "item_id": "I52", "quantity": "3"},
            "quantity must be an integer",
        ),
        (
            "place_order",
            {"customer_id": "C17", "item_id": "I52", "quantity": True},
            "quantity must be an integer",
        ),
        (
            "place_order",
            {"customer_id": "C17", "item_id": "I52", "quantity": 10},
            "quantity must be between 1 and 9",
        ),
        (
            "place_order",
            {"customer_id": "C17", "item_id": "I52", "quantity": 5},
            "out of stock",
        ),
        ("change_quantity", {"order_id": "O99", "quantity": 2}, "no such order"),
        ("change_quantity", {"order_id": "O84", "quantity": 2}, "order is shipped"),
        ("change_quantity", {"order_id": "O83", "quantity": 7}, "out of stock"),
        ("cancel_order", {"order_id": "O84"}, "order is shipped"),
        ("cancel_order", {"order_id": "O99"}, "no such order"),
        ("change_city", {"customer_id": "C99", "city": "Rome"}, "no such customer"),
        (
            "change_city",
            {"customer_id": "C17", "city": "Atlantis"},
            "no delivery to this city",
        ),
        ("close_desk", {}, "unknown tool"),
    ],
)
def test_a_fault_is_answered_and_changes_nothing(
    name: str, arguments: JsonObject, error: str
) -> None:
    desk = Desk()
    before = desk.store.digest()

    assert desk.call(name, **arguments) == {"error": error}
    assert desk.store.digest() == before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": NaN}', "null"])
def test_arguments_that_are_no_object_are_answered(text: str) -> None:
    answer = Desk().call_text("find_customer", text)

    assert answer == {"error": "arguments are not a JSON object"}


def test_a_cancelled_order_cannot_be_cancelled_again() -> None:
    desk = Desk()
    desk.call("cancel_order", order_id="O83")

    answer = desk.call("cancel_order", order_id="O83")

    assert answer == {"error": "order is cancelled"}


def test_orders_placed_in_another_sequence_leave_the_same_database() -> None:
    one, other = Desk(), Desk()
    lamp = {"customer_id": "C63", "item_id": "I52"}
    sofa = {"customer_id": "C42", "item_id": "I71"}

    one.call("place_order", **lamp)
    one.call("place_order", **sofa)
    other.call("place_order", **sofa)
    other.call("place_order", **lamp)

    assert one.store.digest() == other.store.digest()


def test_every_tool_refuses_other_arguments_and_describes_its_own() -> None:
    properties = [
        entry
        for tool in DESK_TOOLS
        for entry in tool.parameters["properties"].values()  # type: ignore[union-attr]
    ]

    assert len(DESK_TOOLS) == 8
    assert all(tool.parameters["additionalProperties"] is False for tool in DESK_TOOLS)
    assert all("description" in entry and "type" in entry for entry in properties)
