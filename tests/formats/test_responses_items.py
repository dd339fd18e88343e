from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.responses_items import items_to_messages

CALL = {"type": "function_call", "name": "f", "arguments": "{}"}
CALLS = [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]


def _reasoning(*texts: str) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "summary": parts}


def _answer(*parts: object) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def _convert(*items: Any) -> list[Any]:
    return items_to_messages(list(items), "output")


def test_reasoning_in_several_items_is_that_of_one_turn() -> None:
    assert _convert(_reasoning("A"), _reasoning("B", "C"), CALL) == [
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "A\n\nB\n\nC",
            "tool_calls": CALLS,
        }
    ]


def test_reasoning_behind_a_message_begins_the_next_turn() -> None:
    messages = _convert(_reasoning("A"), _answer("hello"), _reasoning("B"), CALL)

    assert [message["reasoning_content"] for message in messages] == ["A", "B"]
    assert [message["content"] for message in messages] == ["hello", None]


def test_reasoning_that_is_not_shown_says_nothing() -> None:
    hidden = {"type": "reasoning", "summary": [], "encrypted_content": "x"}

    assert _convert(hidden, CALL) == [
        {"role": "assistant", "content": None, "tool_calls": CALLS}
    ]


def test_reasoning_may_be_plain_text() -> None:
    item = {"type": "reasoning", "content": "think hard"}

    assert _convert(item, CALL)[0]["reasoning_content"] == "think hard"


@pytest.mark.parametrize(
    "summary", [5, True, {"a": 1}, [5], [{}], [{"type": "text", "text": None}]]
)
def test_reasoning_that_is_no_text_is_refused_with_its_place(summary: object) -> None:
    with pytest.raises(
        TrajectoryError, match=r"output\[1\] is reasoning with .*; expected text"
    ) as caught:
        _convert(CALL, {"type": "reasoning", "summary": summary})

    assert caught.value.reason == "malformed_message"


def test_a_refusal_says_what_it_says() -> None:
    refusal = {"type": "refusal", "refusal": "No.", "text": None}

    assert _convert(_answer(refusal))[0]["content"] == "No."


@pytest.mark.parametrize(
    "part", [{"type": "output_text", "text": None}, {"type": "output_image"}, 5]
)
def test_a_part_that_is_no_text_is_refused(part: object) -> None:
    messages = _convert(_answer({"type": "output_text", "text": "hi"}, part))

    with pytest.raises(TrajectoryError, match="expected text or text parts") as caught:
        normalise_messages(messages)

    assert caught.value.reason == "unsupported_content"
