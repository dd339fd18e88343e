import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.sharegpt import read_sharegpt

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "look_up", "arguments": "{}"},
}


def test_calls_ids_and_reasoning_beside_the_text_are_kept() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "why",
            "tool_calls": [CALL],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
        {"role": "assistant", "content": "done"},
    ]

    assert read_sharegpt({"conversations": messages}).messages == messages


def test_calls_beside_a_value_are_kept() -> None:
    turns = [
        {"from": "human", "value": "hi"},
        {"from": "gpt", "value": "Looking.", "tool_calls": [CALL], "weight": 1},
        {"from": "tool", "value": "found", "tool_call_id": "c1"},
    ]

    assert read_sharegpt({"conversations": turns}).messages[1:] == [
        {"role": "assistant", "content": "Looking.", "tool_calls": [CALL]},
        {"role": "tool", "content": "found", "tool_call_id": "c1"},
    ]


def test_reasoning_beside_a_function_call_is_kept() -> None:
    turn = {
        "from": "function_call",
        "value": '{"name": "look_up", "arguments": {}}',
        "reasoning_content": "why",
    }

    message = read_sharegpt({"conversations": [turn]}).messages[0]

    assert message["reasoning_content"] == "why"


@pytest.mark.parametrize("name", ["critic", ["human"], {}, 5, None])
def test_a_turn_by_nobody_known_is_refused_with_its_place(name: object) -> None:
    turns = [{"from": "human", "value": "hi"}, {"from": name, "value": "?"}]

    with pytest.raises(TrajectoryError, match=r"conversations\[1\].from is ") as caught:
        read_sharegpt({"conversations": turns})

    assert caught.value.reason == "unknown_role"
