"""Each format on a row as its own documentation shows it."""

import json
from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats import FORMATS
from pivotrl_pipeline.formats.base import RawTrajectory

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


def _read(name: str, row: dict[str, Any]) -> RawTrajectory:
    return FORMATS[name].read(row)


def _arguments(trajectory: RawTrajectory, index: int) -> list[str]:
    calls: Any = trajectory.messages[index]["tool_calls"]
    return [call["function"]["arguments"] for call in calls]


def test_trl_prompt_and_completion_are_one_conversation() -> None:
    row = {
        "prompt": [{"role": "user", "content": "hi"}],
        "completion": [{"role": "assistant", "content": "hello"}],
        "tools": [WEATHER],
    }

    trajectory = _read("trl", row)

    assert [message["role"] for message in trajectory.messages] == ["user", "assistant"]
    assert trajectory.tools == [WEATHER]
    assert trajectory.metadata == {}


def test_openai_columns_may_hold_json_text() -> None:
    messages = [{"role": "assistant", "content": "hello"}]
    row = {"messages": json.dumps(messages), "tools": json.dumps([WEATHER])}

    trajectory = _read("openai", row)

    assert trajectory.messages == messages
    assert trajectory.tools == [WEATHER]


def test_flat_tools_become_openai_entries() -> None:
    flat = {"type": "function", **WEATHER["function"], "strict": True}
    row = {"messages": [{"role": "assistant", "content": ""}], "tools": [flat]}

    trajectory = _read("openai", row)

    function = {**WEATHER["function"], "strict": True}
    assert trajectory.tools == [{"type": "function", "function": function}]


def test_a_tool_without_a_name_is_refused() -> None:
    row = {"messages": [{"role": "assistant", "content": ""}], "tools": [{"x": 1}]}

    with pytest.raises(TrajectoryError, match=r"tools\[0\] names no function"):
        _read("openai", row)


def test_what_a_row_says_beside_is_metadata() -> None:
    row = {
        "messages": [{"role": "assistant", "content": ""}],
        "id": 7,
        "model": "m",
        "metadata": {"seed": 1},
    }

    trajectory = _read("openai", row)

    assert trajectory.trajectory_id == "7"
    assert trajectory.metadata == {"model": "m", "seed": 1}


@pytest.mark.parametrize(
    ("fields", "success"),
    [
        ({"success": True}, True),
        ({"success": 0}, False),
        ({"reward": 1.0}, True),
        ({"reward": 0.5}, False),
        ({"success": None}, None),
        ({}, None),
    ],
)
def test_success_is_said_or_unknown(
    fields: dict[str, object], success: bool | None
) -> None:
    row = {"messages": [{"role": "assistant", "content": ""}], **fields}

    assert _read("openai", row).success is success


def test_sharegpt_tags_become_calls_and_results() -> None:
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n'
    row = {
        "system": "rules",
        "conversations": [
            {"from": "human", "value": "weather?"},
            {
                "from": "gpt",
                "value": f"<think>look</think>Looking.\n{call}</tool_call>",
            },
            {"from": "tool", "value": "<tool_response>\nrain\n</tool_response>"},
            {"from": "gpt", "value": "Rain."},
        ],
    }

    trajectory = _read("sharegpt", row)

    assert [message["role"] for message in trajectory.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert trajectory.messages[2]["content"] == "Looking."
    assert trajectory.messages[2]["reasoning_content"] == "look"
    assert _arguments(trajectory, 2) == ['{"city": "Oslo"}']
    assert trajectory.messages[3]["content"] == "rain"


def test_function_call_messages_of_llama_factory_are_calls() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "weather?"},
            {
                "from": "function_call",
                "value": '{"name": "get_weather", "arguments": {"city": "Oslo"}}',
            },
            {"from": "observation", "value": "rain"},
            {"from": "gpt", "value": "Rain."},
        ],
        "tools": json.dumps([WEATHER["function"]]),
    }

    trajectory = _read("sharegpt", row)

    assert _arguments(trajectory, 1) == ['{"city":"Oslo"}']
    assert trajectory.tools == [WEATHER]


def test_several_results_in_one_message_answer_several_calls() -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    responses = "<tool_response>1</tool_response>\n<tool_response>2</tool_response>"
    row = {
        "messages": [
            {"role": "assistant", "content": call + call},
            {"role": "user", "content": responses},
        ]
    }

    messages = _read("hermes", row).messages

    assert [message["role"] for message in messages] == ["assistant", "tool", "tool"]
    assert [message["content"] for message in messages[1:]] == ["1", "2"]


def test_xml_values_are_typed_by_the_schema() -> None:
    text = (
        "<tool_call>\n<function=get_weather>\n<parameter=city>\n7\n</parameter>\n"
        "<parameter=days>\n7\n</parameter>\n</function>\n</tool_call>"
    )
    row = {"messages": [{"role": "assistant", "content": text}], "tools": [WEATHER]}

    assert _arguments(_read("qwen3_coder", row), 0) == ['{"city":"7","days":7}']


def test_a_call_that_cannot_be_read_is_refused_with_its_place() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "<tool_call>{"},
        ]
    }

    with pytest.raises(TrajectoryError, match=r"messages\[1\].content holds a call"):
        _read("hermes", row)


def test_text_that_holds_a_tag_is_not_written_as_one() -> None:
    messages: list[Any] = [{"role": "assistant", "content": "say <tool_call>"}]

    with pytest.raises(TrajectoryError, match="holds the tag <tool_call> in its text"):
        FORMATS["hermes"].write(RawTrajectory(messages))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"task_id": 3, "trial": 0}, "task-3-trial-0"),
        ({"task_id": 3}, None),
        ({"trial": 0}, None),
    ],
)
def test_a_run_of_tau_bench_is_named_by_task_and_trial(
    fields: dict[str, int], name: str | None
) -> None:
    row = {"traj": [{"role": "assistant", "content": "hi"}], **fields}

    assert _read("tau_bench", row).trajectory_id == name


def test_a_run_of_the_responses_api_ends_with_its_output() -> None:
    row = {
        "responses_create_params": {
            "instructions": "rules",
            "input": "weather?",
            "tools": [{"type": "function", **WEATHER["function"]}],
        },
        "response": {
            "output": [
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "get_weather",
                    "arguments": '{"city": "Oslo"}',
                },
                {"type": "function_call_output", "call_id": "c1", "output": "rain"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Rain."}],
                },
            ]
        },
        "reward": 1.0,
    }

    trajectory = _read("nemo_gym_runs", row)

    assert trajectory.success is True
    assert [message["role"] for message in trajectory.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert trajectory.messages[4]["content"] == "Rain."
