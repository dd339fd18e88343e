"""Chat messages with calls in their text: Hermes tags and the XML of Qwen3-Coder.

    {"messages": [{"role": "assistant", "content": "Let me look.\\n<tool_call>\\n
      {\\"name\\": \\"f\\", \\"arguments\\": {}}\\n</tool_call>"}]}

Both formats read either notation; they differ in what they write.
"""

from collections.abc import Callable
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import Format, RawTrajectory
from pivotrl_pipeline.formats.openai_chat import read_openai, write_openai
from pivotrl_pipeline.formats.row_fields import parse_if_text, read_tools, to_tools
from pivotrl_pipeline.formats.tagged_text import (
    CALL,
    tag_message,
    untag_message,
    write_hermes_call,
    write_xml_call,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, Tool


def read_tagged(row: JsonObject) -> RawTrajectory:
    """The trajectory in a row.

    Raises:
        TrajectoryError: If the row holds no conversation.
    """
    messages = parse_if_text(row.get("messages"), "messages")
    if not isinstance(messages, list):
        return read_openai(row)
    tools = to_tools(read_tools(row.get("tools")))
    untagged = untag_messages(messages, tools)
    return read_openai({**row, "messages": cast("JsonValue", untagged)})


def untag_messages(messages: list[JsonValue], tools: list[Tool]) -> list[JsonValue]:
    """Each message with calls and results taken out of its text.

    Raises:
        TrajectoryError: If calls or reasoning in a text cannot be read.
    """
    result: list[JsonValue] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            result.append(message)
            continue
        try:
            result.extend(untag_message(message, tools))
        except TrajectoryError as error:
            place = f"messages[{index}]{error}"
            raise TrajectoryError(place, reason=error.reason) from error
    return result


def _writer(
    write_call: Callable[[JsonObject], str],
) -> Callable[[RawTrajectory], JsonObject]:
    def write(trajectory: RawTrajectory) -> JsonObject:
        messages = [tag_message(m, write_call) for m in trajectory.messages]
        return {**write_openai(trajectory), "messages": cast("JsonValue", messages)}

    return write


def _has_call(row: JsonObject, mark: str) -> bool:
    try:
        messages = parse_if_text(row.get("messages"), "messages")
    except (TrajectoryError, RecursionError):
        return False
    return isinstance(messages, list) and any(
        isinstance(message, dict)
        and not message.get("tool_calls")
        and message.get("role") == "assistant"
        and mark in str(message.get("content"))
        for message in messages
    )


HERMES = Format(
    "hermes", read_tagged, _writer(write_hermes_call), lambda row: _has_call(row, CALL)
)
QWEN3_CODER = Format(
    "qwen3_coder",
    read_tagged,
    _writer(write_xml_call),
    lambda row: _has_call(row, "<function="),
)
