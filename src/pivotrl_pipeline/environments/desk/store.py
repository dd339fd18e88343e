"""The desk's database: SQLite in memory, one per episode."""

import hashlib
import json
import sqlite3
import weakref
from typing import cast

from pivotrl_pipeline.environments.desk.records import Customer, Item, Order, World

_SCHEMA = """
CREATE TABLE customers (customer_id TEXT PRIMARY KEY, name TEXT COLLATE NOCASE,
    email TEXT UNIQUE COLLATE NOCASE, city TEXT);
CREATE TABLE items (item_id TEXT PRIMARY KEY, product TEXT COLLATE NOCASE,
    colour TEXT COLLATE NOCASE, stock INTEGER CHECK (stock >= 0));
CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer_id TEXT, item_id TEXT,
    quantity INTEGER, status TEXT, shipping TEXT);
"""
_TABLES = ("customers", "items", "orders")
_NUM_ORDER_IDS = 90


class DeskStore:
    """Customers, items and orders; texts are compared without case."""

    def __init__(self, world: World, *, seed: int) -> None:
        self._seed = seed
        # Whichever thread drops the desk closes it.
        self._database = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, self._database.close)
        self._database.executescript(_SCHEMA)
        self._insert("customers", [_row(row) for row in world.customers])
        self._insert("items", [_row(row) for row in world.items])
        self._insert("orders", [_row(row) for row in world.orders])

    def find_customers(self, *, name: str | None, email: str | None) -> list[Customer]:
        """Customers who agree with whatever is given, by insertion."""
        query = (
            "SELECT * FROM customers WHERE name = coalesce(?, name) "
            "AND email = coalesce(?, email) ORDER BY rowid"
        )
        return [Customer(*row) for row in self._select(query, name, email)]

    def find_customer(self, customer_id: str) -> Customer | None:
        """The customer of this id."""
        query = "SELECT * FROM customers WHERE customer_id = ?"
        return next((Customer(*row) for row in self._select(query, customer_id)), None)

    def find_items(self, *, product: str, colour: str | None) -> list[Item]:
        """Items of a product, all colours or one, by insertion."""
        query = (
            "SELECT * FROM items WHERE product = ? "
            "AND colour = coalesce(?, colour) ORDER BY rowid"
        )
        return [_to_item(row) for row in self._select(query, product, colour)]

    def find_item(self, item_id: str) -> Item | None:
        """The item of this id."""
        query = "SELECT * FROM items WHERE item_id = ?"
        return next((_to_item(row) for row in self._select(query, item_id)), None)

    def find_orders(self, customer_id: str) -> list[Order]:
        """The customer's orders, by insertion."""
        query = "SELECT * FROM orders WHERE customer_id = ? ORDER BY rowid"
        return [_to_order(row) for row in self._select(query, customer_id)]

    def find_order(self, order_id: str) -> Order | None:
        """The order of this id."""
        query = "SELECT * FROM orders WHERE order_id = ?"
        return next((_to_order(row) for row in self._select(query, order_id)), None)

    def add_order(
        self, customer_id: str, item_id: str, *, quantity: int, shipping: str
    ) -> Order:
        """A new open order; its pieces leave the stock.

        The id hangs on customer and item, not on how many orders came before, so that
        the same orders placed in another sequence leave the same database.
        """
        order_id = self._free_order_id(customer_id, item_id)
        order = Order(order_id, customer_id, item_id, quantity, "open", shipping)
        self._insert("orders", [_row(order)])
        self._take_stock(item_id, quantity)
        return order

    def change_quantity(self, order: Order, quantity: int) -> None:
        """Sets the pieces of an order; the difference leaves or enters the stock."""
        query = "UPDATE orders SET quantity = ? WHERE order_id = ?"
        self._database.execute(query, (quantity, order.order_id))
        self._take_stock(order.item_id, quantity - order.quantity)

    def cancel_order(self, order: Order) -> None:
        """Marks an order as cancelled; its pieces enter the stock."""
        query = "UPDATE orders SET status = 'cancelled' WHERE order_id = ?"
        self._database.execute(query, (order.order_id,))
        self._take_stock(order.item_id, -order.quantity)

    def change_city(self, customer_id: str, city: str) -> None:
        """Sets where a customer lives."""
        query = "UPDATE customers SET city = ? WHERE customer_id = ?"
        self._database.execute(query, (city, customer_id))

    def digest(self) -> str:
        """SHA-256 of all rows, whatever their order."""
        content = {
            table: sorted(self._select(f"SELECT * FROM {table}")) for table in _TABLES
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def _free_order_id(self, customer_id: str, item_id: str) -> str:
        key = f"{self._seed} {customer_id} {item_id}".encode()
        start = int.from_bytes(hashlib.sha256(key).digest()[:4], "big")
        taken = {row[0] for row in self._select("SELECT order_id FROM orders")}
        numbers = ((start + step) % _NUM_ORDER_IDS for step in range(_NUM_ORDER_IDS))
        return next(
            order_id for n in numbers if (order_id := f"O{n + 10}") not in taken
        )

    def _take_stock(self, item_id: str, quantity: int) -> None:
        query = "UPDATE items SET stock = stock - ? WHERE item_id = ?"
        self._database.execute(query, (quantity, item_id))

    def _insert(self, table: str, rows: list[tuple[str | int, ...]]) -> None:
        for row in rows:
            marks = ", ".join("?" * len(row))
            self._database.execute(f"INSERT INTO {table} VALUES ({marks})", row)

    def _select(self, query: str, *values: str | None) -> list[tuple[str, ...]]:
        return cast(
            "list[tuple[str, ...]]", self._database.execute(query, values).fetchall()
        )


def _row(record: Customer | Item | Order) -> tuple[str | int, ...]:
    return tuple(getattr(record, name) for name in record.__slots__)


def _to_item(row: tuple[str, ...]) -> Item:
    item_id, product, colour, stock = row
    return Item(item_id, product, colour, int(stock))


def _to_order(row: tuple[str, ...]) -> Order:
    order_id, customer_id, item_id, quantity, status, shipping = row
    return Order(order_id, customer_id, item_id, int(quantity), status, shipping)
