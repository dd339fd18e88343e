"""Calls, results and reasoning that stand in the text, between tags."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats import FORMATS, detect_format

HERMES_CALL = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'


def test_what_one_tool_message_says_beside_its_result_is_kept() -> None:
    result = {"role": "tool", "name": "f", "tool_call_id": "c9"}
    tagged = "<tool_response>\nok\n</tool_response>"
    messages = [
        {"role": "assistant", "content": HERMES_CALL},
        {**result, "content": tagged},
    ]

    read = FORMATS["hermes"].read({"messages": messages}).messages

    assert read[1] == {**result, "content": "ok"}


@pytest.mark.parametrize(
    "content", [HERMES_CALL, [{"type": "text", "text": HERMES_CALL}]]
)
@pytest.mark.parametrize("write", [list, json.dumps])
def test_tags_are_found_and_read_however_the_text_is_held(
    content: object, write: Callable[[list[Any]], object]
) -> None:
    row: Any = {"messages": write([{"role": "assistant", "content": content}])}

    assert detect_format(row).name == "hermes"
    (message,) = FORMATS["hermes"].read(row).messages
    calls: Any = message["tool_calls"]
    assert calls[0]["function"] == {"name": "f", "arguments": '{"a": 1}'}


def test_text_that_is_no_json_is_of_no_tagged_format() -> None:
    assert detect_format({"messages": "<tool_call>"}).name == "openai"
    assert detect_format({"messages": "[" * 100_000}).name == "openai"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"I should call f.\n</think>\n\n{HERMES_CALL}",
            {"reasoning_content": "I should call f.\n", "content": "\n"},
        ),
        (
            f"<think>\nwhy</think>{HERMES_CALL}",
            {"reasoning_content": "\nwhy", "content": None},
        ),
        ("why\n</think>\n\nHi", {"reasoning_content": "why\n", "content": "\n\nHi"}),
        (" Hi <think>", {"content": " Hi <think>"}),
    ],
)
def test_reasoning_is_what_it_is_in_a_sampled_action(
    text: str, message: dict[str, object]
) -> None:
    row = {"messages": [{"role": "assistant", "content": text}]}

    (read,) = FORMATS["hermes"].read(row).messages

    read.pop("tool_calls", None)
    assert read == {"role": "assistant", **message}


@pytest.mark.parametrize("text", ["<think>why", "<function=f></function></tool_call>"])
def test_a_tag_that_does_not_open_or_close_is_refused(text: str) -> None:
    row = {"messages": [{"role": "assistant", "content": text}]}

    with pytest.raises(TrajectoryError, match=r"messages\[0\].content holds a call or"):
        FORMATS["qwen3_coder"].read(row)
