"""How alike two texts are, in time that grows with their length and no faster.

Words are compared, case folded, without punctuation and articles. Scripts written
without spaces count each character as a word.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af]+"
)
_ARTICLES = frozenset({"a", "an", "the"})
MAX_CHARACTERS = 30_000
"""Words are read from the first so many characters of a text."""

_MAX_WORDS = 4_000
_ALWAYS_FINE_CHARACTERS = 1_000


def is_oversized(demonstrated: str, sampled: str) -> bool:
    """True if the sampled text is far longer than any rewording would be.

    Facts alone do not tell: a message may state them all and go on for ever.
    """
    return len(sampled) > max(_ALWAYS_FINE_CHARACTERS, 4 * len(demonstrated))


def similarity(measure: str, demonstrated: str, sampled: str) -> float:
    """The named measure of two texts, in [0, 1]; 1 for equal texts.

    Words are counted up to a limit, so a text that is longer than the limit and than
    twice the other has similarity 0: its end would go unread.
    """
    if demonstrated == sampled:
        return 1.0
    shorter, longer = sorted((len(demonstrated), len(sampled)))
    left, right = split_words(demonstrated), split_words(sampled)
    if longer > max(MAX_CHARACTERS, 2 * shorter) or not left or not right:
        return 0.0
    return rouge_l(left, right) if measure == "rouge_l" else token_f1(left, right)


def split_words(text: str) -> list[str]:
    """The words that carry meaning: the first 4,000 in 30,000 characters."""
    folded = unicodedata.normalize("NFC", text[:MAX_CHARACTERS]).casefold()
    words = [word for word in _WORD.findall(folded) if word not in _ARTICLES]
    return words[:_MAX_WORDS]


def token_f1(demonstrated: Sequence[str], sampled: Sequence[str]) -> float:
    """Twice the common words over all words of both; 1 for two empty texts.

    Counted as multisets, so saying a word twice pays once.
    """
    total = len(demonstrated) + len(sampled)
    common = (Counter(demonstrated) & Counter(sampled)).total()
    return 2 * common / total if total else 1.0


def rouge_l(demonstrated: Sequence[str], sampled: Sequence[str]) -> float:
    """As `token_f1`, counting the longest common subsequence: order matters.

    Source:
        Lin 2004, ROUGE, section 3, with beta = 1.
    """
    total = len(demonstrated) + len(sampled)
    return 2 * _common_subsequence(demonstrated, sampled) / total if total else 1.0


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Its length, one big-integer step a word.

    Source:
        Hyyrö 2004, Bit-parallel LCS-length computation revisited, Fig. 3.
    """
    if not left or not right:
        return 0
    positions: dict[str, int] = {}
    for index, word in enumerate(left):
        positions[word] = positions.get(word, 0) | (1 << index)
    full = (1 << len(left)) - 1
    row = full
    for word in right:
        matches = row & positions.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(left) - row.bit_count()
