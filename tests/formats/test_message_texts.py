from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.formats.message_texts import dump_each
from pivotrl_pipeline.records.messages import dump_json


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=4))
def test_any_text_is_written_as_json_writes_it(texts: list[str]) -> None:
    messages: list[Any] = [{"role": "user", "content": text} for text in texts]

    assert dump_each(messages) == [dump_json(message).encode() for message in messages]


@pytest.mark.parametrize("text", ["\x7f", "é\x7f", "\ud800", "\u2028", "é😀\x1f\\"])
def test_what_orjson_writes_otherwise_is_written_as_json_writes_it(text: str) -> None:
    message: Any = {"role": "user", "content": text, "name": None}

    assert dump_each([message]) == [dump_json(message).encode()]
