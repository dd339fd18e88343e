"""Format to internal and back keeps roles, texts, calls, ids, argument text, order."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pivotrl_pipeline.formats import FORMATS, detect_format
from pivotrl_pipeline.formats.base import Format, RawTrajectory
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.records.messages import dump_json

NASTY_TEXTS = [
    "",
    " ",
    "\n",
    '"',
    "\\",
    "\\u0041",
    "\ud800",
    "\U0001f600",
    "é\u2028\u0000",
    '{"a": "\\"b\\""}',
    "null",
    "1",
    "1.0",
    "<b>",
]
NUMBERS = st.sampled_from([0, 1, 1.0, -0.0, 10**40, 1e300, 0.1, -7, 2**63])
TAGGED = ["sharegpt", "hermes", "qwen3_coder"]

texts = st.sampled_from(NASTY_TEXTS) | st.text(
    st.characters(exclude_characters="<>"), max_size=8
)
identifiers = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
values = st.recursive(
    st.none() | st.booleans() | NUMBERS | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(identifiers, inner, max_size=3)
    ),
    max_leaves=6,
)
arguments = st.dictionaries(identifiers, values, max_size=3)
argument_texts = st.builds(
    lambda value, ascii_, indent: json.dumps(value, ensure_ascii=ascii_, indent=indent),
    arguments,
    st.booleans(),
    st.sampled_from([None, 1]),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Canonical messages that end with the assistant."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(texts)})
    for turn in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(texts)})
        count = draw(st.integers(0, 2))
        names = [f"c{turn}-{place}" for place in range(count)]
        calls = [_call(name, draw(identifiers), draw(argument_texts)) for name in names]
        content = draw(st.none() | texts) if calls else draw(texts)
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if draw(st.booleans()):
            message["reasoning_content"] = draw(texts.filter(bool))
        messages.append(message | ({"tool_calls": calls} if calls else {}))
        messages.extend(
            {"role": "tool", "tool_call_id": name, "content": draw(texts)}
            for name in names
        )
    messages.append({"role": "assistant", "content": draw(texts)})
    return messages


def _call(call_id: str, name: str, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": text}
    return {"id": call_id, "type": "function", "function": function}


@st.composite
def trajectories(draw: st.DrawFn) -> RawTrajectory:
    function = {"name": draw(identifiers), "parameters": draw(arguments)}
    return RawTrajectory(
        messages=draw(conversations()),
        tools=draw(st.none() | st.just([{"type": "function", "function": function}])),
        trajectory_id=draw(st.none() | identifiers),
        task_id=draw(st.none() | identifiers),
        metadata=draw(st.dictionaries(identifiers.map("x_{}".format), values)),
    )


def _find(name: str) -> Format:
    return FORMATS[name]


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_row_survives_reading_and_writing(name: str, data: st.DataObject) -> None:
    format_ = _find(name)
    trajectory = data.draw(trajectories())
    row = json.loads(dump_json(format_.write(trajectory)))

    again = format_.write(format_.read(json.loads(dump_json(row))))

    # as text, so that 1 differs from 1.0 and true, and keys keep their order
    assert dump_json(again) == dump_json(row)


@pytest.mark.parametrize("name", ["openai", "tau_bench"])
@settings(deadline=None, max_examples=25)
@given(messages=conversations())
def test_messages_are_kept_as_they_are(
    name: str, messages: list[dict[str, Any]]
) -> None:
    format_ = _find(name)

    kept = format_.read(format_.write(RawTrajectory(messages, task_id="1"))).messages

    assert dump_json(kept) == dump_json(messages)


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"nemo_gym_pivots"}))
@settings(deadline=None, max_examples=25)
@given(messages=conversations())
def test_roles_texts_calls_and_order_are_kept(
    name: str, messages: list[dict[str, Any]]
) -> None:
    format_ = _find(name)

    kept = format_.read(format_.write(RawTrajectory(messages))).messages

    assert [_said(message) for message in kept] == [_said(m) for m in messages]


@pytest.mark.parametrize("name", ["openai", "hermes", "sharegpt", "nemo_gym_runs"])
@settings(deadline=None, max_examples=25)
@given(messages=conversations())
def test_argument_text_is_kept_byte_for_byte(
    name: str, messages: list[dict[str, Any]]
) -> None:
    format_ = _find(name)

    kept = format_.read(format_.write(RawTrajectory(messages))).messages

    assert _argument_texts(kept) == _argument_texts(messages)


@pytest.mark.parametrize("name", ["openai", "trl", "atif", "nemo_gym_runs"])
@settings(deadline=None, max_examples=25)
@given(messages=conversations())
def test_call_ids_are_kept(name: str, messages: list[dict[str, Any]]) -> None:
    format_ = _find(name)

    kept = format_.read(format_.write(RawTrajectory(messages))).messages

    assert _ids(kept) == _ids(messages)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_written_row_is_recognised(name: str) -> None:
    messages = normalise_messages(
        [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [_call("c", "f", "{}")],
            },
            {"role": "tool", "tool_call_id": "c", "content": "ok"},
            {"role": "assistant", "content": "done"},
        ]
    )

    row = _find(name).write(RawTrajectory(messages, task_id="1"))

    assert detect_format(row).name == name


def _said(message: dict[str, Any]) -> tuple[Any, ...]:
    """Role, text, reasoning and calls; no text is as good as an empty one."""
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return (
        message["role"],
        message["content"] or "",
        message.get("reasoning_content"),
        *((call["name"], _plain(json.loads(call["arguments"]))) for call in calls),
    )


def _plain(arguments: dict[str, Any]) -> dict[str, str]:
    """Each value as text, which is all that XML without a schema knows."""
    return {
        key: value if isinstance(value, str) else dump_json(value)
        for key, value in arguments.items()
    }


def _argument_texts(messages: list[dict[str, Any]]) -> list[str]:
    return [
        call["function"]["arguments"]
        for message in messages
        for call in message.get("tool_calls", [])
    ]


def _ids(messages: list[dict[str, Any]]) -> list[Any]:
    called = [c["id"] for m in messages for c in m.get("tool_calls", [])]
    return [*called, *(m.get("tool_call_id") for m in messages if m["role"] == "tool")]
