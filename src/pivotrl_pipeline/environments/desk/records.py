"""Rows of the desk's three tables, errands, and what an errand comes to."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; names may repeat, e-mails do not."""

    customer_id: str
    name: str
    email: str
    city: str


@dataclass(frozen=True, slots=True)
class Item:
    """One product in one colour."""

    item_id: str
    product: str
    colour: str
    stock: int
    """Pieces that can still be ordered."""

    @property
    def title(self) -> str:
        """``blue lamp``."""
        return f"{self.colour} {self.product}"


@dataclass(frozen=True, slots=True)
class Order:
    """One order of one item."""

    order_id: str
    customer_id: str
    item_id: str
    quantity: int
    status: str
    """``open``, ``shipped`` or ``cancelled``."""
    shipping: str
    """``standard`` or ``express``."""


@dataclass(frozen=True, slots=True)
class World:
    """The rows with which an episode begins."""

    customers: tuple[Customer, ...]
    items: tuple[Item, ...]
    orders: tuple[Order, ...]


class Kind(StrEnum):
    """The families of errands."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    MOVE = "move"
    STATUS = "status"
    STOCK = "stock"
    REORDER = "reorder"
    SWAP = "swap"


class Outcome(StrEnum):
    """What an errand can come to."""

    PLACED = "placed"
    CANCELLED = "cancelled"
    AMENDED = "amended"
    MOVED = "moved"
    OPEN = "open"
    SHIPPED = "shipped"
    """Told on request, or the reason why an order cannot be changed."""
    IN_STOCK = "in_stock"
    SWAPPED = "swapped"
    OUT_OF_STOCK = "out_of_stock"
    NO_ORDER = "no_order"
    NO_CUSTOMER = "no_customer"


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing that a request asks for; what a kind does not need stays empty."""

    kind: Kind
    wording: int
    """Which of the kind's wordings asks for it."""
    name: str = ""
    city: str = ""
    """Where the customer lives, if the request says so."""
    email: str = ""
    """The customer's e-mail, if the request gives it."""
    product: str = ""
    colour: str = ""
    quantity: int = 1
    express: bool = False
    new_city: str = ""
    new_product: str = ""
    """What is wanted in exchange."""
    new_colour: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What an errand came to, with the facts that the final message must state."""

    outcome: Outcome
    order_id: str = ""
    """The order that was placed, cancelled, changed or asked about."""
    old_order_id: str = ""
    """The order given up in an exchange."""
    customer_id: str = ""
    number: int = 0
    """The new quantity, or the stock."""
    city: str = ""
