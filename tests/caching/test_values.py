import dataclasses
import enum
from pathlib import Path

import pytest

from pivotrl_pipeline.caching.values import (
    UnstableValueError,
    canonical_form,
    digest_text,
    digest_value,
    flatten,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    threshold: float
    names: tuple[str, ...]


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        ("1", 1),
        ([1, 2], (1, 2)),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1.0}),
        ({1: "a"}, {"1": "a"}),
        (None, "null"),
        (b"a", "a"),
        (Colour.RED, "red"),
        (float("inf"), float("nan")),
        (Settings(0.5, ("a",)), {"threshold": 0.5, "names": ("a",)}),
        ({"!tuple": [1]}, (1,)),
    ],
)
def test_values_that_a_node_can_tell_apart_have_different_digests(
    first: object, second: object
) -> None:
    assert digest_value(first) != digest_value(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}),
        (Settings(0.5, ("a",)), Settings(0.5, ("a",))),
        (Path("a/b"), Path("a") / "b"),
    ],
)
def test_values_that_are_one_have_one_digest(first: object, second: object) -> None:
    assert digest_value(first) == digest_value(second)


def test_a_value_without_stable_form_is_refused_with_its_type() -> None:
    with pytest.raises(UnstableValueError, match=r"a builtins\.object has no stable"):
        digest_value({"deep": [object()]})


def test_parts_of_a_text_cannot_run_into_each_other() -> None:
    assert digest_text("ab", "c") != digest_text("a", "bc")


def test_leaves_have_addresses() -> None:
    form = canonical_form({"selection": {"threshold": 0.5, "names": ["a"]}, "k": 8})

    assert flatten(form, "params:x") == {
        "params:x.selection.threshold": "0.5",
        "params:x.selection.names": '["a"]',
        "params:x.k": "8",
    }


def test_a_tuple_is_shown_as_a_list() -> None:
    assert flatten(canonical_form((0, 1)), "params:seeds") == {"params:seeds": "[0, 1]"}


def test_fields_of_a_record_are_leaves() -> None:
    form = canonical_form(Settings(0.5, ("a",)))

    assert flatten(form, "params:s")["params:s.threshold"] == "0.5"
