"""ATIF documents, step by step."""

from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.atif import read_atif, write_atif
from pivotrl_pipeline.formats.openai_chat import read_openai, write_openai

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}
DOCUMENT: dict[str, Any] = {
    "schema_version": "ATIF-v1.7",
    "session_id": "s1",
    "agent": {"name": "a", "version": "1", "tool_definitions": [WEATHER]},
    "steps": [
        {"step_id": 1, "source": "system", "message": "rules"},
        {"step_id": 2, "source": "user", "message": "weather?"},
        {
            "step_id": 3,
            "source": "agent",
            "message": "Looking.",
            "reasoning_content": "look",
            "tool_calls": [
                {
                    "tool_call_id": "c1",
                    "function_name": "get_weather",
                    "arguments": {"city": "Oslo"},
                }
            ],
            "observation": {"results": [{"source_call_id": "c1", "content": "rain"}]},
            "metrics": {"prompt_tokens": 5},
        },
        {"step_id": 4, "source": "agent", "message": "Rain."},
    ],
}


def test_atif_observations_become_tool_messages() -> None:
    trajectory = read_atif(DOCUMENT)

    assert trajectory.tools == [WEATHER]
    assert [message["role"] for message in trajectory.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert trajectory.messages[2]["reasoning_content"] == "look"
    assert trajectory.messages[3]["tool_call_id"] == "c1"


def test_what_the_environment_says_unasked_is_a_user_message() -> None:
    steps = [
        {"step_id": 1, "source": "agent", "message": "ls"},
        {"step_id": 2, "source": "agent", "message": "done"},
    ]
    steps[0]["observation"] = {"results": [{"content": "file.txt"}]}

    messages = read_atif({**DOCUMENT, "steps": steps}).messages

    assert messages[1] == {"role": "user", "content": "file.txt"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": ["agent"]}, r"steps\[0\].source is \['agent'\]"),
        (
            {"tool_calls": {}},
            r"steps\[0\].tool_calls is {}; expected a list of objects",
        ),
        ({"tool_calls": ["x"]}, r"steps\[0\].tool_calls is \['x'\]; expected a list"),
        ({"observation": "text"}, r"steps\[0\].observation is 'text'; expected an obj"),
        (
            {"observation": {"content": ""}},
            "observation is .*; expected an object with",
        ),
        (
            {"observation": {"results": ["out"]}},
            r"observation.results is \['out'\]; exp",
        ),
    ],
)
def test_a_malformed_step_of_atif_is_refused_with_its_place(
    fields: dict[str, object], message: str
) -> None:
    steps = [{"step_id": 1, "source": "agent", "message": "ls", **fields}]

    with pytest.raises(TrajectoryError, match=message):
        read_atif({**DOCUMENT, "steps": steps})


def test_a_step_of_atif_may_leave_its_parts_out() -> None:
    empty = [{"observation": None}, {"observation": {}}, {"tool_calls": None}]
    steps = [{"source": "agent", "message": "ls", **fields} for fields in empty]

    messages = read_atif({**DOCUMENT, "steps": steps}).messages

    assert messages == [{"role": "assistant", "content": "ls"}] * 3


def test_a_session_is_no_trajectory_but_one_task() -> None:
    first, named = read_atif(DOCUMENT), read_atif({**DOCUMENT, "trajectory_id": "t1"})
    own = read_atif({**DOCUMENT, "extra": {"task_id": "k"}})

    assert first.trajectory_id is None
    assert first.metadata["session_id"] == "s1"
    assert named.trajectory_id == "t1"
    assert [each.task_id for each in (first, named, own)] == ["s1", "s1", "k"]
    assert [read_atif(write_atif(each)) for each in (first, named)] == [first, named]


def _answer(text: str, **fields: object) -> dict[str, object]:
    return {"source": "agent", "message": text, **fields}


def test_what_was_copied_or_came_from_no_model_is_in_states_alone() -> None:
    steps = [
        {"source": "user", "message": "old", "is_copied_context": True},
        _answer("copied", is_copied_context=True),
        {"source": "user", "message": "new"},
        _answer("own", is_copied_context=False, llm_call_count=1),
        _answer("dispatched", llm_call_count=0),
        _answer("last"),
    ]

    trajectory = read_atif({**DOCUMENT, "steps": steps})

    assert len(trajectory.messages) == 6
    assert trajectory.excluded_turns == {0, 2}
    assert read_atif(write_atif(trajectory)) == trajectory


def test_written_atif_satisfies_its_own_models() -> None:
    atif = pytest.importorskip("atif", reason="the package atif is not installed")
    trajectory = read_openai(write_openai(read_atif(DOCUMENT)))

    document: Any = write_atif(trajectory)

    assert atif.Trajectory.model_validate(document).steps[2].tool_calls is not None
