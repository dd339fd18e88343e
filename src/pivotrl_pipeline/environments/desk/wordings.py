"""How a request asks for each kind of errand."""

from dataclasses import dataclass

from pivotrl_pipeline.environments.desk.records import Errand, Kind
from pivotrl_pipeline.environments.desk.vocabulary import pluralise

NUM_WORDINGS = 5


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask; ``{who}`` and the like are filled from the errand."""

    text: str
    is_express: bool = False
    """True if the text asks for express shipping."""
    names_city: bool = False
    """True if it tells namesakes apart by where they live."""


WORDINGS: dict[Kind, tuple[Wording, ...]] = {
    Kind.PLACE: (
        Wording("Order {quantity} {colour} {products} for {who}."),
        Wording("{who} would like {quantity} {colour} {products}."),
        Wording(
            "Please send {who} {quantity} {colour} {products} by express.",
            is_express=True,
        ),
        Wording("Put {quantity} {colour} {products} on the account of {who}."),
        Wording("{who} is waiting for {quantity} {colour} {products}, please buy."),
    ),
    Kind.CANCEL: (
        Wording("Cancel the {colour} {product} of {who}."),
        Wording("{who} no longer wants the {colour} {product}."),
        Wording("Please drop the order of {who} for the {colour} {product}."),
        Wording("The {colour} {product} of {who} is not needed, call it off."),
        Wording("{who} has to give the {colour} {product} back, undo the order."),
    ),
    Kind.AMEND: (
        Wording("Change the {colour} {product} order of {who} to {quantity}."),
        Wording("{who} wants {quantity} of the {colour} {product} instead."),
        Wording("Make it {quantity} {colour} {products} for {who}."),
        Wording("The {colour} {product} of {who} should have quantity {quantity}."),
        Wording("Set the number of {colour} {products} for {who} to {quantity}."),
    ),
    Kind.MOVE: (
        Wording("{who} moves to {new_city}."),
        Wording("Set the city of {who} to {new_city}."),
        Wording("{who} has a new address in {new_city}.", names_city=True),
        Wording("Please note that {who} now lives in {new_city}."),
        Wording("New city for {who}: {new_city}.", names_city=True),
    ),
    Kind.STATUS: (
        Wording("Has the {colour} {product} of {who} been sent?"),
        Wording("What is the state of the {colour} {product} of {who}?"),
        Wording("{who} asks about the {colour} {product}."),
        Wording("Where is the {colour} {product} that {who} bought?"),
        Wording("Tell me how the {colour} {product} order of {who} stands."),
    ),
    Kind.STOCK: (
        Wording("How many {colour} {products} are there?"),
        Wording("What is the stock of {colour} {products}?"),
        Wording("Do we have {colour} {products}? How many?"),
        Wording("Count the {colour} {products} in the store."),
        Wording("{colour} {products}: how many are left?"),
    ),
    Kind.REORDER: (
        Wording("Order the {colour} {product} of {who} again."),
        Wording("{who} wants the same {colour} {product} order once more."),
        Wording("Repeat the {colour} {product} order of {who}."),
        Wording("Another {colour} {product} delivery for {who}, as before."),
        Wording("Renew what {who} bought, the {colour} {product}."),
    ),
    Kind.SWAP: (
        Wording("Swap the {colour} {product} of {who} for {quantity} {new_items}."),
        Wording(
            "{who} takes {quantity} {new_items} in place of the {colour} {product}."
        ),
        Wording("Replace the {colour} {product} of {who} by {quantity} {new_items}."),
        Wording(
            "Instead of the {colour} {product}, send {who} {quantity} {new_items}."
        ),
        Wording(
            "Exchange for {who}: {colour} {product} against {quantity} {new_items}."
        ),
    ),
}


def word_errand(errand: Errand) -> str:
    """The sentence that asks for the errand."""
    return WORDINGS[errand.kind][errand.wording].text.format(
        who=_word_customer(errand),
        colour=errand.colour,
        product=errand.product,
        products=pluralise(errand.product),
        quantity=errand.quantity,
        new_city=errand.new_city,
        new_items=f"{errand.new_colour} {pluralise(errand.new_product)}",
    )


def word_request(errands: tuple[Errand, ...]) -> str:
    """The user's message: one sentence, or a numbered list of them."""
    if len(errands) == 1:
        return word_errand(errands[0])
    return " ".join(
        f"{number}) {word_errand(errand)}" for number, errand in enumerate(errands, 1)
    )


def _word_customer(errand: Errand) -> str:
    if not errand.name:
        return errand.email
    if errand.email:
        return f"{errand.name} ({errand.email})"
    return f"{errand.name} from {errand.city}" if errand.city else errand.name
