"""Do two messages state the same facts with the same outcome?

A paraphrase must keep every fact of the demonstrated message and may invent none. The
outcomes that the parameters list, whether the message refuses and whether it asks must
agree too: "order O12 is placed" and "order O12 could not be placed" share all facts.
"""

import re
from functools import lru_cache

from pivotrl_pipeline.parameters.comparators import FactsMessage
from pivotrl_pipeline.records.messages import Message
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.fact_extraction import (
    MAX_CHARACTERS,
    Facts,
    extract_facts,
    lacking,
)
from pivotrl_pipeline.verifiers.text_similarity import (
    is_oversized,
    split_words,
    token_f1,
)

_POLITE = re.compile(
    r"\bno (?:problem|worries|need to worry)\b|\b(?:do not|don't) hesitate\b"
    r"|\bnot a problem\b|\bwhy not\b"
)
_REFUSAL = re.compile(
    r"\b(?:not|no|never|cannot|cant|wont|unable|unfortunately|neither|fail(?:s|ed)?"
    r"|den(?:y|ied)|declined?|refused?|rejected|invalid|impossible|ineligible)\b|n't\b"
)
_COURTESY = re.compile(
    r"\b(?:anything|something) (?:else|more|further)\b|\belse i can\b"
    r"|\bhow (?:else )?(?:can|may) i (?:help|assist)\b|\bhelp you with\b"
)
_CLAUSE_END = re.compile(r"[;,\n]|[.!?:](?=\s|$)|\band\b|(?<!\S)\(?\d{1,2}\)(?=\s)")
_SENTENCE_END = re.compile(r"(?<=[.!?\n\u3002\uff01\uff1f])")
_QUESTION_MARKS = ("?", "\uff1f")


class FactsComparison:
    """The rule `facts` of the verifier for messages."""

    def __init__(self, rule: FactsMessage) -> None:
        self._rule = rule
        self._outcomes = tuple(
            tuple(f" {' '.join(split_words(phrase))} " for phrase in phrases)
            for phrases in rule.outcomes
        )

    def verdict(self, state: State, demonstrated: str, text: str) -> Verdict:
        """EQUIVALENT, FACT_MISMATCH or MESSAGE_MISMATCH, with what differs."""
        if is_oversized(demonstrated, text):
            detail = f"{len(text)} characters, demonstrated {len(demonstrated)}"
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, detail)
        expected, found = _extract_demonstrated(demonstrated), extract_facts(text)
        difference = self._difference_of_facts(state, expected, found)
        if difference is not None:
            return Verdict(0.0, VerdictReason.FACT_MISMATCH, difference)
        left, right = split_words(demonstrated), split_words(text)
        if not self._same_outcomes(demonstrated, left, text, right):
            return Verdict(0.0, VerdictReason.FACT_MISMATCH, "another outcome")
        if refuses(demonstrated) != refuses(text):
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, "refusal against none")
        if asks(demonstrated) != asks(text):
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, "question against none")
        has_facts = any(expected.of_kind(kind) for kind in self._rule.facts)
        floor = (
            self._rule.min_token_f1
            if has_facts
            else self._rule.min_token_f1_without_facts
        )
        overlap = token_f1(left, right)
        if overlap < floor:
            detail = f"token F1 {overlap:.2f}, expected at least {floor:.2f}"
            return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH, detail)
        return Verdict(1.0, VerdictReason.EQUIVALENT)

    def _difference_of_facts(
        self, state: State, expected: Facts, found: Facts
    ) -> str | None:
        for kind in self._rule.facts:
            soft_expected = expected.number_words if kind == "numbers" else set()
            soft_found = found.number_words if kind == "numbers" else set()
            left, right = expected.of_kind(kind), found.of_kind(kind)
            missing = lacking(left, right | soft_found)
            if missing:
                return f"{kind} left out: {', '.join(missing)[:120]}"
            added = lacking(right, left | soft_expected)
            if self._rule.added_facts == "known" and added:
                known = extract_known(state)
                added = [fact for fact in added if fact.casefold() not in known]
            if added:
                return f"{kind} added: {', '.join(added)[:120]}"
        return None

    def _same_outcomes(
        self, demonstrated: str, left: list[str], text: str, right: list[str]
    ) -> bool:
        reported = self._find_outcomes(left)
        if reported != self._find_outcomes(right):
            return False
        # "O1 cancelled, O2 placed" and "O2 cancelled, O1 placed" report the same two.
        return len(reported) < 2 or self._claims(demonstrated) == self._claims(text)

    def _find_outcomes(self, words: list[str]) -> set[int]:
        said = f" {' '.join(words)} "
        return {
            index
            for index, phrases in enumerate(self._outcomes)
            if any(phrase in said for phrase in phrases)
        }

    def _claims(self, text: str) -> set[tuple[int, str]]:
        """Which outcome is reported of which id or number, clause by clause."""
        claims: set[tuple[int, str]] = set()
        for clause in _CLAUSE_END.split(text[:MAX_CHARACTERS]):
            facts = extract_facts(clause)
            for outcome in self._find_outcomes(split_words(clause)):
                claims |= {(outcome, fact) for fact in facts.ids | facts.numbers}
        return claims


@lru_cache(maxsize=256)
def _extract_demonstrated(text: str) -> Facts:
    """Remembered, because all rollouts of a candidate are held against it."""
    return extract_facts(text)


def refuses(text: str) -> bool:
    """True if the text denies something, polite phrases aside."""
    plain = text[:MAX_CHARACTERS].casefold().replace("\u2019", "'")
    return _REFUSAL.search(_POLITE.sub(" ", plain)) is not None


def asks(text: str) -> bool:
    """True if the text asks for something, "anything else?" aside."""
    return any(
        sentence.rstrip().endswith(_QUESTION_MARKS) and not _COURTESY.search(sentence)
        for sentence in _SENTENCE_END.split(text[:MAX_CHARACTERS].casefold())
    )


def extract_known(state: State) -> set[str]:
    """Every fact that the messages before the turn mention, in lower case."""
    known: set[str] = set()
    for message in state.prefix:
        facts = extract_facts(_full_text(message))
        for found in (facts.ids, facts.numbers, facts.number_words, facts.dates):
            known |= found
        known |= {word.casefold() for word in facts.codes | facts.names}
        known |= set(split_words(message.content or ""))
    return known


def _full_text(message: Message) -> str:
    calls = " ".join(call.arguments_text for call in message.tool_calls)
    return f"{message.content or ''} {calls}"
