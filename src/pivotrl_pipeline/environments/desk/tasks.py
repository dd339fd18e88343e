"""Makes a task's world and errands from its seed."""

import random
from dataclasses import dataclass, replace

from pivotrl_pipeline.environments.desk.records import (
    Customer,
    Errand,
    Item,
    Kind,
    Order,
    World,
)
from pivotrl_pipeline.environments.desk.vocabulary import (
    CITIES,
    COLOURS,
    HOSTS,
    NAMES,
    PRODUCTS,
)
from pivotrl_pipeline.environments.desk.wordings import NUM_WORDINGS, WORDINGS

KINDS = tuple(Kind)
_ID_NUMBERS = range(10, 100)
_RATE_BY_TROUBLE: dict[Kind, dict[str, float]] = {
    Kind.PLACE: {"out_of_stock": 0.2},
    Kind.CANCEL: {"shipped": 0.15, "no_order": 0.12},
    Kind.AMEND: {"shipped": 0.12, "out_of_stock": 0.12},
    Kind.MOVE: {"no_customer": 0.15},
    Kind.STATUS: {"shipped": 0.5, "no_order": 0.15},
    Kind.STOCK: {"out_of_stock": 0.15},
    Kind.REORDER: {"no_order": 0.12, "out_of_stock": 0.12},
    Kind.SWAP: {"shipped": 0.12, "out_of_stock": 0.12},
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world and what is asked in it."""

    world: World
    errands: tuple[Errand, ...]


def short_kind(seed: int) -> Kind:
    """The kind of a short task: consecutive seeds go round all kinds."""
    return KINDS[seed % len(KINDS)]


def short_wording(seed: int) -> int:
    """The wording of a short task: changes after a round of kinds."""
    return seed // len(KINDS) % NUM_WORDINGS


def make_short_scenario(seed: int) -> Scenario:
    """One errand."""
    builder = _ScenarioBuilder(random.Random(f"short {seed}"))
    builder.add_errand(short_kind(seed), short_wording(seed))
    return builder.finish()


def make_errands_scenario(seed: int, num_errands: int, attempt: int) -> Scenario:
    """Several errands of kinds and wordings drawn from the seed."""
    rng = random.Random(f"long {seed} {attempt}")
    builder = _ScenarioBuilder(rng)
    for _ in range(num_errands):
        builder.add_errand(rng.choice(KINDS), rng.randrange(NUM_WORDINGS))
    return builder.finish()


class _ScenarioBuilder:
    """Adds the rows that an errand needs, and distractors beside them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._names = rng.sample(NAMES, len(NAMES))
        self._products = rng.sample(PRODUCTS, len(PRODUCTS))
        self._numbers = {
            letter: rng.sample(_ID_NUMBERS, len(_ID_NUMBERS)) for letter in "CIO"
        }
        self._customers: list[Customer] = []
        self._items: list[Item] = []
        self._orders: list[Order] = []
        self._errands: list[Errand] = []

    def finish(self) -> Scenario:
        """The scenario so far, its rows in a shuffled order."""
        for rows in (self._customers, self._items, self._orders):
            self._rng.shuffle(rows)
        world = World(tuple(self._customers), tuple(self._items), tuple(self._orders))
        return Scenario(world, tuple(self._errands))

    def add_errand(self, kind: Kind, wording: int) -> None:
        """One errand with its own customer and products."""
        trouble = self._draw_trouble(kind)
        errand = Errand(kind, wording, express=WORDINGS[kind][wording].is_express)
        if kind is Kind.STOCK:
            errand = self._add_wanted_item(errand, trouble)
        else:
            errand, customer = self._add_customer(errand, trouble)
            errand = self._add_subject(errand, customer, trouble)
        self._errands.append(errand)

    def _add_subject(self, errand: Errand, customer: Customer, trouble: str) -> Errand:
        """What the errand is about: an item, an order, both, or a city."""
        if errand.kind is Kind.MOVE:
            cities = [city for city in CITIES if city != customer.city]
            return replace(errand, new_city=self._rng.choice(cities))
        if errand.kind is Kind.PLACE:
            return self._add_wanted_item(errand, trouble)
        errand = self._add_orders(errand, customer, trouble)
        if errand.kind is Kind.SWAP:
            wanted = self._add_wanted_item(errand, trouble)
            return replace(
                wanted,
                product=errand.product,
                colour=errand.colour,
                new_product=wanted.product,
                new_colour=wanted.colour,
            )
        return errand

    def _add_customer(self, errand: Errand, trouble: str) -> tuple[Errand, Customer]:
        rng, name = self._rng, self._names.pop()
        digits, cities = rng.sample(range(10), 2), rng.sample(CITIES, 2)
        customer, namesake = (
            Customer(
                self._next_id("C"),
                name,
                f"{name.lower()}{digit}@{rng.choice(HOSTS)}.com",
                city,
            )
            for digit, city in zip(digits, cities, strict=True)
        )
        names_city = WORDINGS[errand.kind][errand.wording].names_city
        form = "city" if names_city else rng.choices(_FORMS, _FORM_WEIGHTS)[0]
        if trouble == "no_customer":
            return replace(errand, name=name), customer
        self._customers.append(customer)
        if form != "name" and rng.random() < _NAMESAKE_RATE:
            self._customers.append(namesake)
        return (
            replace(
                errand,
                name="" if form == "email" else name,
                city=customer.city if form == "city" else "",
                email=customer.email if form in ("email", "both") else "",
            ),
            customer,
        )

    def _add_wanted_item(self, errand: Errand, trouble: str) -> Errand:
        """An item to buy or count, among other colours of its product."""
        product, rng = self._products.pop(), self._rng
        colours = rng.sample(COLOURS, rng.choices((2, 3, 4), (2, 3, 2))[0])
        quantity = rng.choices((1, 2, 3, 4, 5), (1, 3, 3, 2, 2))[0]
        is_short = trouble == "out_of_stock"
        least, most = (0, quantity - 1) if is_short else (quantity, 9)
        if errand.kind is Kind.STOCK:
            least, most = (0, 0) if is_short else (1, 9)
        stocks = [rng.randint(least, most)] + [rng.randint(0, 9) for _ in colours[1:]]
        for colour, stock in zip(colours, stocks, strict=True):
            self._items.append(Item(self._next_id("I"), product, colour, stock))
        return replace(errand, product=product, colour=colours[0], quantity=quantity)

    def _add_orders(self, errand: Errand, customer: Customer, trouble: str) -> Errand:
        """The customer's order that is meant, and others."""
        rng = self._rng
        product, other = self._products.pop(), self._products.pop()
        colours = rng.sample(COLOURS, 4)
        titles = [(product, colours[0])]
        others = [(product, colours[1]), (other, colours[2]), (product, colours[3])]
        titles += others[: rng.choices((0, 1, 2, 3), (1, 3, 4, 1))[0]]
        ordered = rng.randint(2, 5)
        quantity = rng.choice([n for n in range(2, 7) if n != ordered])
        for index, (name, colour) in enumerate(titles):
            is_target = index == 0
            pieces = ordered if is_target else rng.randint(1, 4)
            stock = self._stock_beside(errand.kind, ordered, quantity, trouble)
            item = Item(self._next_id("I"), name, colour, stock)
            self._items.append(item)
            if is_target and trouble == "no_order":
                continue
            status = "open" if rng.random() < _OPEN_RATE else "shipped"
            if is_target:
                status = "shipped" if trouble == "shipped" else "open"
            self._orders.append(
                Order(
                    self._next_id("O"),
                    customer.customer_id,
                    item.item_id,
                    pieces,
                    status,
                    "standard",
                )
            )
        return replace(errand, product=product, colour=colours[0], quantity=quantity)

    def _stock_beside(
        self, kind: Kind, ordered: int, quantity: int, trouble: str
    ) -> int:
        """What is left of an ordered item: enough for the errand, or not."""
        needed = max(quantity - ordered, 1) if kind is Kind.AMEND else ordered
        if trouble == "out_of_stock":
            return self._rng.randrange(needed)
        return self._rng.randint(needed, 9)

    def _draw_trouble(self, kind: Kind) -> str:
        draw = self._rng.random()
        for trouble, rate in _RATE_BY_TROUBLE[kind].items():
            if draw < rate:
                return trouble
            draw -= rate
        return ""

    def _next_id(self, letter: str) -> str:
        return f"{letter}{self._numbers[letter].pop()}"


_FORMS = ("name", "city", "email", "both")
_FORM_WEIGHTS = (4, 3, 1.5, 1.5)
_NAMESAKE_RATE = 0.7
_OPEN_RATE = 0.75
