from typing import Any

import pytest

from pivotrl_pipeline.formats.call_ids import name_calls
from pivotrl_pipeline.formats.chat_messages import normalise_messages


def _conversation(
    call_ids: list[str | None], result_ids: list[str | None]
) -> list[dict[str, Any]]:
    function = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    calls = [function if own is None else {"id": own, **function} for own in call_ids]
    result = {"role": "tool", "content": "ok"}
    results = [
        result if own is None else {**result, "tool_call_id": own} for own in result_ids
    ]
    turn = {"role": "assistant", "content": None, "tool_calls": calls}
    return [{"role": "user", "content": "hi"}, turn, *results]


@pytest.mark.parametrize(
    ("call_ids", "result_ids", "named"),
    [
        (["a", "b"], ["b", "a"], ["b", "a"]),
        ([None, None], [None, None], ["call-1-0", "call-1-1"]),
        # ingestion pairs in order as long as an open call has no id
        ([None, None], ["x", "y"], ["call-1-0", "call-1-1"]),
        ([None, "b"], ["x", "b"], ["call-1-0", "b"]),
        (["a", None], ["x", "a"], ["a", "call-1-1"]),
        (["a", "b"], [None, "b"], ["a", "b"]),
    ],
)
def test_a_result_takes_the_id_of_its_call(
    call_ids: list[str | None], result_ids: list[str | None], named: list[str]
) -> None:
    messages: Any = normalise_messages(_conversation(call_ids, result_ids))

    result = name_calls(messages)

    assert [message["tool_call_id"] for message in result[2:]] == named
    assert normalise_messages(result) == result
