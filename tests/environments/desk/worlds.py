"""A small desk with known rows, and short ways to call its tools."""

from pivotrl_pipeline.environments.desk.records import Customer, Item, Order, World
from pivotrl_pipeline.environments.desk.service import DeskService
from pivotrl_pipeline.environments.desk.store import DeskStore
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, make_tool_call

WORLD = World(
    customers=(
        Customer("C17", "Anna", "anna1@mail.com", "Paris"),
        Customer("C42", "Anna", "anna2@post.com", "Rome"),
        Customer("C63", "Boris", "boris3@web.com", "Oslo"),
    ),
    items=(
        Item("I52", "lamp", "blue", 4),
        Item("I53", "lamp", "red", 0),
        Item("I71", "sofa", "green", 9),
    ),
    orders=(
        Order("O83", "C17", "I52", 2, "open", "standard"),
        Order("O84", "C17", "I71", 1, "shipped", "express"),
    ),
)


class Desk:
    """A service over a fresh copy of `WORLD`."""

    def __init__(self) -> None:
        self.store = DeskStore(WORLD, seed=1)
        self._service = DeskService(self.store)

    def call(self, tool: str, /, **arguments: JsonValue) -> JsonObject:
        """What the tool answers."""
        return self._service.answer(make_tool_call(tool, arguments))

    def call_text(self, tool: str, text: str) -> JsonObject:
        """What the tool answers to arguments as a policy wrote them."""
        return self._service.answer(make_tool_call(tool, text))
