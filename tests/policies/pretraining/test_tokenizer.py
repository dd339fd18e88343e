"""The tokenizer: nothing lost, and a name is the same token everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.policies.pretraining.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  \n\t ",
        "Größe Ⅷ ٣ 12",
        "e\u0301\u200b\u202e",
        "👩🏽‍🚀 \U0001d518",
        "\x00\x7f",
        "漢字、かな",
        '{"a":[1,-2.5e3]}',
        "<tool_call>x</tool_call> <tool_response>",
        "customer_id C17",
    ],
)
def test_text_comes_back_as_it_was(
    tokenizer: "PreTrainedTokenizerFast", text: str
) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_comes_back_as_it_was(
    tokenizer: "PreTrainedTokenizerFast", text: str
) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_name_is_one_token_in_a_request_and_in_a_call(
    tokenizer: "PreTrainedTokenizerFast",
) -> None:
    (name,) = tokenizer.encode("Anna")

    assert name in tokenizer.encode("Cancel the lamp of Anna from Paris.")
    assert name in tokenizer.encode('{"name":"Anna"}')


def test_an_id_is_one_token_wherever_it_stands() -> None:
    tokenizer = train_tokenizer(["O83 and O83"], min_frequency=2)

    (row_id,) = tokenizer.encode("O83")

    assert row_id in tokenizer.encode('{"order_id":"O83"}')
    assert row_id in tokenizer.encode("Order O83 is open.")


def test_digits_and_spaces_are_single_tokens(
    tokenizer: "PreTrainedTokenizerFast",
) -> None:
    tokens = [tokenizer.decode([token]) for token in tokenizer.encode("17  lamp")]

    assert tokens == ["1", "7", " ", " ", "lamp"]


@pytest.mark.parametrize(
    "markup",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<tool_call>",
        "</tool_call>",
        "<tool_response>",
        "</tool_response>",
    ],
)
def test_markup_is_one_token(tokenizer: "PreTrainedTokenizerFast", markup: str) -> None:
    assert len(tokenizer.encode(markup)) == 1


def test_a_saved_tokenizer_loads_with_its_template(
    tokenizer: "PreTrainedTokenizerFast", tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)

    text = "<tool_call>Größe</tool_call><|im_end|>"
    assert loaded.encode(text) == tokenizer.encode(text)
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded.eos_token == "<|im_end|>"
