import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.formats.json_text import dump_each, holds_object, parse_json
from pivotrl_pipeline.records.messages import dump_json, parse_arguments

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
    "[" * 900 + "]" * 900,
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


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4))
def test_any_text_is_written_as_json_writes_it(texts: list[str]) -> None:
    messages: list[Any] = [{"role": "user", "content": text} for text in texts]

    assert dump_each(messages) == [dump_json(message).encode() for message in messages]


@pytest.mark.parametrize("text", ["\x7f", "é\x7f", "\ud800", "\u2028", "é😀\x1f\\"])
def test_what_orjson_writes_otherwise_is_written_as_json_writes_it(text: str) -> None:
    message: Any = {"role": "user", "content": text, "name": None}

    assert dump_each([message]) == [dump_json(message).encode()]


@pytest.mark.parametrize("text", [*NASTY, '{"a":NaN}', '{"a":' * 300 + "1" + "}" * 300])
def test_an_object_is_found_where_arguments_are_parsed_to_one(text: str) -> None:
    assert holds_object(text) == (parse_arguments(text) is not None)
