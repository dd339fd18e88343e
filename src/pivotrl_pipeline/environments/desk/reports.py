"""The final message: how an expert words it, and whether a message says the facts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pivotrl_pipeline.environments.desk.records import Outcome, Report

_SENTENCES: dict[Outcome, str] = {
    Outcome.PLACED: "Order {order_id} placed.",
    Outcome.CANCELLED: "Order {order_id} cancelled.",
    Outcome.AMENDED: "Order {order_id} changed to {number}.",
    Outcome.MOVED: "Customer {customer_id} moved to {city}.",
    Outcome.OPEN: "Order {order_id} is open.",
    Outcome.SHIPPED: "Order {order_id} is shipped.",
    Outcome.IN_STOCK: "There are {number} in stock.",
    Outcome.SWAPPED: "Order {old_order_id} cancelled, order {order_id} placed.",
    Outcome.OUT_OF_STOCK: "Sorry, out of stock.",
    Outcome.NO_ORDER: "Sorry, no such order.",
    Outcome.NO_CUSTOMER: "Sorry, no such customer.",
}
_CLAIMS: dict[Outcome, str] = {
    Outcome.PLACED: r"placed|ordered|bought|reordered",
    Outcome.CANCELLED: r"cancelled|canceled",
    Outcome.AMENDED: r"changed|updated|amended|set to",
    Outcome.MOVED: r"moved|lives|address|city",
    Outcome.OPEN: r"is open|still open|not (?:yet )?shipped|not (?:yet )?been shipped",
    Outcome.SHIPPED: r"shipped|sent",
    Outcome.IN_STOCK: r"(?<!out of )(?<!out-of-)(?:in stock|available|left)",
    Outcome.OUT_OF_STOCK: r"out of stock|out-of-stock|sold out|not enough",
    Outcome.NO_ORDER: r"no (?:such |matching )?order\b|order (?:was )?not found",
    Outcome.NO_CUSTOMER: (
        r"no (?:such )?customer|customer (?:was )?not found|unknown customer"
    ),
}
_NEGATED = re.compile(
    r"\b(?:not|cannot|can't|couldn't|wasn't|isn't|nothing|never)"
    r"(?: (?:be|been|yet|was|is))*"
    r" (?:placed|ordered|cancelled|canceled|changed|updated|shipped|sent|moved)\b"
)
_IDENTIFIER = re.compile(r"\b[CIO]\d\d\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w])")


@dataclass(frozen=True, slots=True)
class _Fact:
    """A claim, with what must stand in the same clause."""

    claim: Outcome
    mentions: tuple[str, ...] = ()


def render_report(report: Report) -> str:
    """One short sentence with the facts."""
    return _SENTENCES[report.outcome].format(
        order_id=report.order_id,
        old_order_id=report.old_order_id,
        customer_id=report.customer_id,
        number=report.number,
        city=report.city,
    )


def render_final_message(reports: Sequence[Report]) -> str:
    """The sentence of the only errand, or one a numbered errand."""
    if len(reports) == 1:
        return render_report(reports[0])
    return " ".join(
        f"{number}) {render_report(report)}" for number, report in enumerate(reports, 1)
    )


def states_facts(message: str, reports: Sequence[Report]) -> bool:
    """True if the message says what the errands came to, in whatever words.

    Every claim (placed, shipped, out of stock, …) must be made as often as there are
    errands that came to it and with their ids and numbers in the same clause; no
    other claim may be made and no other id mentioned.
    """
    text = re.sub(r"\b\d\)", ";", message.casefold())
    clauses = [clause for clause in re.split(r"[.;,\n]| and ", text) if clause.strip()]
    facts = [fact for report in reports for fact in _list_facts(report)]
    claimed = {claim for clause in clauses for claim in _find_claims(clause)}
    known = {
        identifier.casefold()
        for report in reports
        for identifier in (report.order_id, report.old_order_id, report.customer_id)
    }
    return (
        claimed == {fact.claim for fact in facts}
        and {match.group() for match in _IDENTIFIER.finditer(text)} <= known
        and all(_count_stated(fact, clauses) >= facts.count(fact) for fact in facts)
    )


def _list_facts(report: Report) -> tuple[_Fact, ...]:
    match report.outcome:
        case Outcome.SWAPPED:
            return (
                _Fact(Outcome.CANCELLED, (report.old_order_id,)),
                _Fact(Outcome.PLACED, (report.order_id,)),
            )
        case Outcome.AMENDED:
            return (_Fact(Outcome.AMENDED, (report.order_id, str(report.number))),)
        case Outcome.MOVED:
            return (_Fact(Outcome.MOVED, (report.city,)),)
        case Outcome.IN_STOCK:
            return (_Fact(Outcome.IN_STOCK, (str(report.number),)),)
        case Outcome.OUT_OF_STOCK | Outcome.NO_ORDER | Outcome.NO_CUSTOMER:
            return (_Fact(report.outcome),)
        case _:
            return (_Fact(report.outcome, (report.order_id,)),)


def _find_claims(clause: str) -> set[Outcome]:
    """The claims a clause makes; "not cancelled" claims nothing."""
    is_open = re.search(_CLAIMS[Outcome.OPEN], clause) is not None
    plain = _NEGATED.sub("", clause)
    claims = {claim for claim, words in _CLAIMS.items() if re.search(words, plain)}
    return claims | {Outcome.OPEN} if is_open else claims


def _count_stated(fact: _Fact, clauses: Sequence[str]) -> int:
    return sum(
        fact.claim in _find_claims(clause)
        and all(_mentions(clause, mention.casefold()) for mention in fact.mentions)
        for clause in clauses
    )


def _mentions(clause: str, mention: str) -> bool:
    if mention.isdecimal():
        return mention in _NUMBER.findall(clause)
    return re.search(rf"\b{re.escape(mention)}\b", clause) is not None
