from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.verifiers.text_similarity import (
    is_oversized,
    rouge_l,
    similarity,
    split_words,
    token_f1,
)

WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


def _longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """The textbook recursion, as a table."""
    row = [0] * (len(right) + 1)
    for word in left:
        previous = row
        row = [0]
        for index, other in enumerate(right):
            row.append(
                previous[index] + 1
                if word == other
                else max(row[index], previous[index + 1])
            )
    return row[-1]


def test_words_are_folded_without_punctuation_and_articles() -> None:
    assert split_words("The RED, lamp's a_b 2.5 Straße!") == [
        "red",
        "lamp",
        "s",
        "a_b",
        "2",
        "5",
        "strasse",
    ]


def test_scripts_without_spaces_count_characters() -> None:
    assert split_words("東京へ go") == ["東", "京", "へ", "go"]


def test_token_f1_counts_repeated_words_once_each() -> None:
    # common multiset {red, red}: 2 * 2 / (3 + 4)
    assert token_f1(["red", "red", "lamp"], ["red", "red", "red", "sofa"]) == (
        pytest.approx(4 / 7)
    )


def test_rouge_l_needs_the_order() -> None:
    # longest common subsequence (a, c): 2 * 2 / (3 + 3)
    assert rouge_l(["a", "b", "c"], ["b", "a", "c"]) == pytest.approx(2 / 3)
    assert rouge_l(["a", "b"], ["b", "a"]) == pytest.approx(1 / 2)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(left=WORDS, right=WORDS)
def test_rouge_l_agrees_with_the_textbook_recursion(
    left: list[str], right: list[str]
) -> None:
    total = len(left) + len(right)
    expected = 2 * _longest_common_subsequence(left, right) / total if total else 1.0

    assert rouge_l(left, right) == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(left=st.text(), right=st.text())
def test_similarity_is_symmetric_and_bounded(left: str, right: str) -> None:
    for_both = similarity("rouge_l", left, right)

    assert for_both == similarity("rouge_l", right, left)
    assert 0.0 <= for_both <= 1.0
    assert similarity("token_f1", left, left) == 1.0


def test_end_that_is_not_read_earns_nothing() -> None:
    demonstrated = "lamp " * 6_000

    assert similarity("token_f1", demonstrated, demonstrated + "sofa " * 7_000) == 0.0


def test_texts_without_words_are_similar_only_if_equal() -> None:
    assert similarity("token_f1", "...", "...") == 1.0
    assert similarity("token_f1", "...", "!!!") == 0.0


@pytest.mark.parametrize(
    ("num_demonstrated", "num_sampled", "is_too_long"),
    [(10, 1_000, False), (10, 1_001, True), (300, 1_200, False), (300, 1_201, True)],
)
def test_text_may_be_a_thousand_characters_or_four_times_as_long(
    num_demonstrated: int, num_sampled: int, is_too_long: bool
) -> None:
    assert is_oversized("x" * num_demonstrated, "x" * num_sampled) is is_too_long
