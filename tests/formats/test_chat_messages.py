from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.chat_messages import normalise_messages


def _call(
    arguments: object = '{"name": "Ann"}',
    call_id: str | None = "c1",
    name: str = "look_up",
) -> dict[str, Any]:
    call: dict[str, Any] = {
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    return call if call_id is None else {"id": call_id, **call}


def _assistant(*calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    return message | ({"tool_calls": list(calls)} if calls else {})


def _result(call_id: str | None = "c1") -> dict[str, Any]:
    message = {"role": "tool", "content": "{}"}
    return message if call_id is None else {**message, "tool_call_id": call_id}


USER = {"role": "user", "content": "hello"}


def test_canonical_messages_pass_as_they_are() -> None:
    messages = [USER, _assistant(_call()), _result(), _assistant(content="done")]

    result = normalise_messages(messages)

    assert all(new is old for new, old in zip(result, messages, strict=True))


def test_argument_objects_become_text_and_argument_text_stays() -> None:
    text = '{ "b": 1.0,  "a": "\\u00e9" }'
    messages = [_assistant(_call({"n": 1, "x": 1.0}), _call(text, "c2"))]

    calls: Any = normalise_messages(messages)[0]["tool_calls"]

    assert calls[0]["function"]["arguments"] == '{"n":1,"x":1.0}'
    assert calls[1]["function"]["arguments"] == text


def test_keys_that_say_nothing_are_left_out() -> None:
    message = _assistant(content="hi") | {"refusal": None, "tool_calls": None}

    assert normalise_messages([message]) == [{"role": "assistant", "content": "hi"}]


def test_reasoning_under_another_name_is_kept_apart_from_content() -> None:
    message = _assistant(content="hi") | {"reasoning": "because"}

    assert normalise_messages([message]) == [
        {"role": "assistant", "content": "hi", "reasoning_content": "because"}
    ]


def test_calls_as_openai_had_them_before_tools_are_calls() -> None:
    call = {"name": "look_up", "arguments": "{}"}
    old = [
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "look_up", "content": "found"},
    ]

    assert normalise_messages(old) == [
        _assistant({"type": "function", "function": call}),
        {"role": "tool", "content": "found", "name": "look_up"},
    ]


def test_text_parts_become_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    messages = normalise_messages([{"role": "user", "content": parts}, _assistant()])

    assert messages[0] == {"role": "user", "content": "ab"}


def test_results_without_ids_answer_calls_in_order() -> None:
    calls = _assistant(_call(call_id=None), _call(call_id=None))
    messages = [calls, _result(None), _result(None)]

    assert normalise_messages(messages) == messages


def test_parallel_results_may_come_in_any_order() -> None:
    messages = [_assistant(_call(), _call(call_id="c2")), _result("c2"), _result("c1")]

    assert normalise_messages(messages) == messages


@pytest.mark.parametrize(
    ("messages", "reason", "message"),
    [
        ("hello", "malformed_row", "messages is the str 'hello'; expected a list"),
        ([USER, 7], "malformed_message", r"messages\[1\] is the int 7; expected"),
        (
            [{"role": "critic", "content": ""}],
            "unknown_role",
            r"messages\[0\].role is 'critic'; expected one of assistant, system, "
            r"tool, user: map it",
        ),
        ([{"content": ""}], "unknown_role", r"messages\[0\].role is None"),
        (
            [{"role": "user", "content": {"a": 1}}, _assistant()],
            "unsupported_content",
            r"messages\[0\].content is the dict \{'a': 1\}; expected text",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}],
            "unsupported_content",
            "leave out rows with images",
        ),
        (
            [{"role": "user"}, _assistant()],
            "unsupported_content",
            r"messages\[0\].content is missing",
        ),
        (
            [_assistant(_call("name=Ann"))],
            "arguments_not_json",
            r"messages\[0\].tool_calls\[0\] calls 'look_up' with arguments name=Ann; "
            r"expected the text of a JSON object",
        ),
        ([_assistant(_call("[1]"))], "arguments_not_json", "arguments"),
        ([_assistant(_call('{"x": NaN}'))], "arguments_not_json", "arguments"),
        ([_assistant(_call({"x": float("nan")}))], "arguments_not_json", "arguments"),
        ([_assistant({"id": "c1"})], "malformed_call", "name and arguments"),
        ([_assistant(_call(name=""))], "malformed_call", "name and arguments"),
        ([_assistant(_call({}, name=""))], "malformed_call", "name and arguments"),
        (
            [{**USER, "tool_calls": [_call()]}],
            "malformed_message",
            "only an assistant message makes calls",
        ),
        (
            [USER, _result()],
            "tool_result_without_call",
            r"messages\[1\] is a tool result without a preceding tool call",
        ),
        (
            [_assistant(_call()), _result(), _result()],
            "tool_result_without_call",
            r"messages\[2\]",
        ),
        (
            [_assistant(_call()), _result("c9")],
            "call_id_mismatch",
            r"messages\[1\].tool_call_id is 'c9'; the calls still open are 'c1'",
        ),
        ([USER], "no_assistant_turn", "none of 1 messages is by the assistant"),
        ([], "no_assistant_turn", "none of 0 messages"),
    ],
)
def test_what_is_no_conversation_is_refused_with_its_place(
    messages: object, reason: str, message: str
) -> None:
    with pytest.raises(TrajectoryError, match=message) as caught:
        normalise_messages(messages)

    assert caught.value.reason == reason
