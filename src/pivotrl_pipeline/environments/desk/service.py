"""What each tool does: arguments in, a JSON object out; a fault is an ``error``."""

from collections.abc import Callable
from typing import cast

from pivotrl_pipeline.environments.desk.arguments import (
    fill_defaults,
    find_argument_fault,
)
from pivotrl_pipeline.environments.desk.records import Order
from pivotrl_pipeline.environments.desk.store import DeskStore
from pivotrl_pipeline.environments.desk.tools import TOOL_BY_NAME
from pivotrl_pipeline.environments.desk.vocabulary import CITIES
from pivotrl_pipeline.records.messages import JsonObject, ToolCall

_Handler = Callable[["DeskService", JsonObject], JsonObject]

CITY_BY_KEY = {city.casefold(): city for city in CITIES}


class DeskService:
    """Answers tool calls from a store; never raises on what a policy writes."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    def answer(self, call: ToolCall) -> JsonObject:
        """The result of one call, or ``{"error": why}`` with the store untouched."""
        tool = TOOL_BY_NAME.get(call.name)
        if tool is None:
            return _error("unknown tool")
        if call.arguments is None:
            return _error("arguments are not a JSON object")
        fault = find_argument_fault(call.arguments, tool.parameters)
        if fault is not None:
            return _error(fault)
        arguments = fill_defaults(call.arguments, tool.parameters)
        return _HANDLERS[call.name](self, arguments)

    def _find_customer(self, arguments: JsonObject) -> JsonObject:
        name, email = _text(arguments, "name"), _text(arguments, "email")
        if name is None and email is None:
            return _error("give name or email")
        found = self._store.find_customers(name=name, email=email)
        return {
            "customers": [
                {"id": row.customer_id, "name": row.name, "city": row.city}
                for row in found
            ]
        }

    def _list_orders(self, arguments: JsonObject) -> JsonObject:
        customer_id, email = _text(arguments, "customer_id"), _text(arguments, "email")
        if customer_id is None:
            if email is None:
                return _error("give customer_id or email")
            customers = self._store.find_customers(name=None, email=email)
            customer_id = customers[0].customer_id if customers else ""
        if self._store.find_customer(customer_id) is None:
            return _error("no such customer")
        status = arguments["status"]
        orders = self._store.find_orders(customer_id)
        return {
            "orders": [
                {"id": row.order_id, "item": self._title(row), "status": row.status}
                for row in orders
                if status in ("any", row.status)
            ]
        }

    def _get_order(self, arguments: JsonObject) -> JsonObject:
        order = self._store.find_order(cast("str", arguments["order_id"]))
        if order is None:
            return _error("no such order")
        return {
            "id": order.order_id,
            "customer_id": order.customer_id,
            "item_id": order.item_id,
            "quantity": order.quantity,
            "status": order.status,
        }

    def _search_items(self, arguments: JsonObject) -> JsonObject:
        found = self._store.find_items(
            product=cast("str", arguments["product"]),
            colour=_text(arguments, "colour"),
        )
        return {
            "items": [
                {"id": row.item_id, "colour": row.colour, "stock": row.stock}
                for row in found
            ]
        }

    def _place_order(self, arguments: JsonObject) -> JsonObject:
        customer_id = cast("str", arguments["customer_id"])
        item = self._store.find_item(cast("str", arguments["item_id"]))
        quantity = cast("int", arguments["quantity"])
        if self._store.find_customer(customer_id) is None:
            return _error("no such customer")
        if item is None:
            return _error("no such item")
        if quantity > item.stock:
            return _error("out of stock")
        order = self._store.add_order(
            customer_id,
            item.item_id,
            quantity=quantity,
            shipping=cast("str", arguments["shipping"]),
        )
        return {"id": order.order_id, "status": order.status}

    def _change_quantity(self, arguments: JsonObject) -> JsonObject:
        order = self._store.find_order(cast("str", arguments["order_id"]))
        quantity = cast("int", arguments["quantity"])
        if order is None:
            return _error("no such order")
        if order.status != "open":
            return _error(f"order is {order.status}")
        item = self._store.find_item(order.item_id)
        if item is None or quantity - order.quantity > item.stock:
            return _error("out of stock")
        self._store.change_quantity(order, quantity)
        return {"id": order.order_id, "quantity": quantity}

    def _cancel_order(self, arguments: JsonObject) -> JsonObject:
        order = self._store.find_order(cast("str", arguments["order_id"]))
        if order is None:
            return _error("no such order")
        if order.status != "open":
            return _error(f"order is {order.status}")
        self._store.cancel_order(order)
        return {"id": order.order_id, "status": "cancelled"}

    def _change_city(self, arguments: JsonObject) -> JsonObject:
        customer_id = cast("str", arguments["customer_id"])
        city = CITY_BY_KEY.get(cast("str", arguments["city"]).casefold())
        if self._store.find_customer(customer_id) is None:
            return _error("no such customer")
        if city is None:
            return _error("no delivery to this city")
        self._store.change_city(customer_id, city)
        return {"id": customer_id, "city": city}

    def _title(self, order: Order) -> str:
        item = self._store.find_item(order.item_id)
        return item.title if item is not None else ""


_HANDLERS: dict[str, _Handler] = {
    "find_customer": DeskService._find_customer,
    "list_orders": DeskService._list_orders,
    "get_order": DeskService._get_order,
    "search_items": DeskService._search_items,
    "place_order": DeskService._place_order,
    "change_quantity": DeskService._change_quantity,
    "cancel_order": DeskService._cancel_order,
    "change_city": DeskService._change_city,
}


def _error(why: str) -> JsonObject:
    return {"error": why}


def _text(arguments: JsonObject, name: str) -> str | None:
    return cast("str | None", arguments.get(name))
