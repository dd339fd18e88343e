import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.records.json_text import parse_arguments, parse_json

NASTY = [
    "18446744073709551616",  # 2^64: a float to orjson
    "-9223372036854775809",
    '{"a":[1,1.0,-0,-0.0,1e400,1E5,0.1e-7,12345678901234567890123.5]}',
    '{"a":1,"a":2}',
    '"\\ud800"',
    '"\ud800"',
    '"\\ud83d\\ude00\\u007f\x7f"',
    "NaN",
    "[-Infinity]",
    "\ufeff{}",
    "01",
    "[1,]",
    '"\x01"',
    " \t\r\n{} ",
    "",
    "\x00",
    "[" * 500 + "]" * 500,
    "[" * 5000 + "]" * 5000,
]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(st.text(max_size=5), values, max_size=4)
    ),
    max_leaves=8,
)


def _outcome(read: Any, text: object) -> str:
    """The value with its types, or the error; NaN is not equal to itself."""
    try:
        return repr(read(text))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_is_read_as_json_reads_it(text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")

    assert _outcome(parse_json, text) == _outcome(json.loads, text)
    assert _outcome(parse_json, encoded) == _outcome(json.loads, encoded)


@given(ANYTHING, st.booleans())
def test_any_value_is_read_as_json_reads_it(value: object, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    encoded = text.encode("utf-8", "surrogatepass")

    assert _outcome(parse_json, encoded) == _outcome(json.loads, encoded)


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_refused_as_json_does(encoded: bytes) -> None:
    assert _outcome(parse_json, encoded) == _outcome(json.loads, encoded)


def _parse_slowly(text: str) -> Any:
    """The value of a JSON object with finite numbers, by json alone."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@pytest.mark.parametrize(
    "text",
    [
        *NASTY,
        '{"a":NaN}',
        ' {"a": 18446744073709551616}\n',
        '{"a":"\\ud800"}',
        '{"a":1} x',
        '{"a":' * 300 + "1" + "}" * 300,
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_nasty_arguments_are_parsed_as_json_parses_them(text: str) -> None:
    assert repr(parse_arguments(text)) == repr(_parse_slowly(text))


@given(ANYTHING, st.booleans())
def test_any_arguments_are_parsed_as_json_parses_them(
    value: object, is_ascii: bool
) -> None:
    text = json.dumps({"value": value}, ensure_ascii=is_ascii)

    assert repr(parse_arguments(text)) == repr(_parse_slowly(text))
