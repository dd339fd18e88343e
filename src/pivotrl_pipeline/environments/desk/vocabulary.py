"""The few names, cities, products and colours of the order desk.

Few on purpose: a policy of a million parameters meets each of them often.
"""

NAMES = (
    "Anna", "Boris", "Clara", "David", "Emma", "Felix", "Greta", "Hugo",
    "Irene", "Jonas", "Kira", "Leo", "Maria", "Nils", "Olga", "Paul",
)  # fmt: skip
CITIES = ("Berlin", "Lisbon", "London", "Madrid", "Oslo", "Paris", "Rome", "Vienna")
HOSTS = ("mail", "post", "web")
PRODUCTS = (
    "bench", "chair", "clock", "desk", "lamp", "mirror",
    "pillow", "rug", "shelf", "sofa", "table", "vase",
)  # fmt: skip
COLOURS = ("black", "blue", "green", "red", "white", "yellow")

_IRREGULAR_PLURALS = {"bench": "benches", "shelf": "shelves"}


def pluralise(product: str) -> str:
    """The plural of a product's name."""
    return _IRREGULAR_PLURALS.get(product, f"{product}s")
