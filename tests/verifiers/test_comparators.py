from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.records.messages import JsonValue
from pivotrl_pipeline.verifiers.comparators import (
    Comparator,
    equal_dates,
    equal_ignoring_case,
    equal_trimmed,
    numeric_tolerance,
    parse_date,
    parse_number,
    same_path,
    text_similarity,
)

COMPARATORS: list[Comparator] = [
    equal_trimmed,
    equal_ignoring_case,
    equal_dates,
    numeric_tolerance(absolute=0.5, relative=0.01),
    text_similarity(measure="rouge_l", threshold=0.5),
    same_path(root=""),
    same_path(root="/repo"),
]
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["2024-05-20", "20 May 2024", "./a/../b", "10", "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("compare", COMPARATORS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(left=VALUES, right=VALUES)
def test_comparators_are_reflexive_and_symmetric(
    compare: Comparator, left: JsonValue, right: JsonValue
) -> None:
    assert compare(left, left)
    assert compare(left, right) == compare(right, left)


@pytest.mark.parametrize("compare", COMPARATORS)
def test_no_comparator_takes_true_for_one(compare: Comparator) -> None:
    assert not compare(1, True)
    assert not compare(0, False)


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        (10, 10.4, True),
        (10, 10.6, False),
        ("10.0", 10, True),
        ("$10", 10, False),
        # 1 % of the larger: 10 of 1000
        (1000, 990, True),
        (1000, 989.9, False),
        (10**400, 10**400, True),
        (10**400, 10**401, False),
    ],
)
def test_numbers_within_either_bound_agree(
    left: JsonValue, right: JsonValue, is_same: bool
) -> None:
    compare = numeric_tolerance(absolute=0.5, relative=0.01)

    assert compare(left, right) is is_same


@pytest.mark.parametrize(
    ("absolute", "left", "right", "is_same"),
    [
        (0.1, 1.0, 1.1, True),
        (0.1, 1.0, 1.1001, False),
        (0.01, 4.35, "4.36", True),
        (0.0, 10**17, 10**17 + 1, False),
        (0.0, 10**400, 10**400 + 1, False),
        (1.0, 10**400, 10**400 + 1, True),
    ],
)
def test_tolerance_is_held_to_the_digit(
    absolute: float, left: JsonValue, right: JsonValue, is_same: bool
) -> None:
    compare = numeric_tolerance(absolute=absolute, relative=0.0)

    assert compare(left, right) is is_same


@pytest.mark.parametrize(
    ("value", "number"),
    [(" 12.5 ", 12.5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("-7", -7)]
    + [("1e999", 10**999), (10**400, 10**400), (1.1, Fraction(11, 10))]
    + [(text, None) for text in ("", "0x10", "1_000", "nan", "1,000", "\u0661", "1/2")]
    + [(value, None) for value in (float("inf"), True, None, [1])],
)
def test_number_is_read_from_plain_decimals_only(
    value: JsonValue, number: Fraction | float | None
) -> None:
    assert parse_number(value) == number


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("2024-05-20", date(2024, 5, 20)),
        ("2024/05/20", date(2024, 5, 20)),
        ("20th of May 2024", date(2024, 5, 20)),
        ("May 20th, 2024", date(2024, 5, 20)),
        ("Sept. 3, 2024", date(2024, 9, 3)),
        ("2024-05-20T00:00", date(2024, 5, 20)),
        ("2024-05-20T10:30", datetime(2024, 5, 20, 10, 30)),
        ("2024-05-20T10:30+02:00", datetime(2024, 5, 20, 8, 30, tzinfo=UTC)),
        ("2024-02-30", None),
        ("03/04/2024", None),
        ("May 20", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
    ],
)
def test_date_is_read_where_it_means_one_day(text: str, parsed: date | None) -> None:
    assert parse_date(text) == parsed


@pytest.mark.parametrize(
    ("left", "right", "root", "is_same"),
    [
        ("a//b/./c/", "a/b/c", "", True),
        ("a/../b", "b", "", True),
        ("//repo/a", "/repo/a", "", True),
        ("a", "/repo/a", "", False),
        ("a", "/repo/a", "/repo", True),
        ("../a", "/a", "/repo", True),
        ("", ".", "", False),
    ],
)
def test_paths_are_the_same_file(
    left: str, right: str, root: str, is_same: bool
) -> None:
    assert same_path(root=root)(left, right) is is_same
