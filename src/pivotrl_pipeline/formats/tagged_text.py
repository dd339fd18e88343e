"""Messages whose calls and results stand in the text, between tags.

An assistant writes ``<think>…</think>``, text, and calls in ``<tool_call>`` tags, as
Hermes JSON or as the XML of Qwen3-Coder; results come back in ``<tool_response>``.
Calls are read as those of a sampled action, by the same code, and what it refuses is
refused here; text and reasoning are kept to the letter.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.formats.base import RejectionReason
from pivotrl_pipeline.records.messages import (
    JsonObject,
    JsonValue,
    Tool,
    dump_json,
    message_to_json,
)

CALL, CALL_END, THINK, THINK_END = "<tool_call>", "</tool_call>", "<think>", "</think>"
_RESPONSE = re.compile(r"<tool_response>\n?(.*?)\n?</tool_response>", re.DOTALL)
_XML_NAME = re.compile(r"[^<>\s]+")
_TAGS = (CALL, CALL_END, THINK, THINK_END, "<tool_response>", "</tool_response>")


def untag_message(message: JsonObject, tools: Sequence[Tool]) -> list[JsonObject]:
    """The message with calls and results taken out of its text.

    Args:
        message: Role and content, text or text parts; already separate calls are left
            as they are.
        tools: Type the values of XML calls.

    Raises:
        TrajectoryError: If calls or reasoning in the text cannot be read.
    """
    content = _join_parts(message.get("content"))
    if not isinstance(content, str) or message.get("tool_calls"):
        return [message]
    if message.get("role") == "assistant":
        return [{**message, **_untag_turn(content, tools)}]
    results = _RESPONSE.findall(content)
    if not results or _RESPONSE.sub("", content).strip():
        return [message]
    if message.get("role") == "tool" and len(results) == 1:
        return [{**message, "content": results[0]}]
    return [{"role": "tool", "content": result} for result in results]


def tag_message(
    message: JsonObject, write_call: Callable[[JsonObject], str]
) -> JsonObject:
    """The message with reasoning, calls and results written into its text.

    Raises:
        TrajectoryError: If the text holds a tag itself: it could not be read back.
    """
    texts = [message["content"], message.get("reasoning_content")]
    found = next((t for t in _TAGS if any(t in str(text) for text in texts)), None)
    if found is not None:
        raise TrajectoryError(
            f"a message by {message['role']!r} holds the tag {found} in its text; "
            f"expected none, since it could not be told from a call: choose another "
            f"format.",
            reason=RejectionReason.UNSUPPORTED_CONTENT,
        )
    if message["role"] == "tool":
        return {"role": "tool", "content": tag_result(cast("str", message["content"]))}
    if message["role"] != "assistant":
        return message
    content = cast("str | None", message["content"])
    parts = [] if content is None else [content]
    for call in cast("list[JsonObject]", message.get("tool_calls", [])):
        parts.append(f"{CALL}\n{write_call(call)}\n{CALL_END}")
    text = "\n".join(parts)
    if "reasoning_content" in message:
        text = f"{THINK}{message['reasoning_content']}{THINK_END}{text}"
    return {"role": "assistant", "content": text}


def tag_result(text: str) -> str:
    """A tool result in its tag."""
    return f"<tool_response>\n{text}\n</tool_response>"


def write_hermes_call(call: JsonObject) -> str:
    """``{"name": …, "arguments": …}``, the arguments as recorded."""
    function = cast("dict[str, str]", call["function"])
    name, arguments = dump_json(function["name"]), function["arguments"]
    return f'{{"name": {name}, "arguments": {arguments}}}'


def write_xml_call(call: JsonObject) -> str:
    """``<function=…>`` with a parameter a value: text as it is, else JSON.

    Raises:
        TrajectoryError: If a name cannot stand in a tag.
    """
    function = cast("dict[str, str]", call["function"])
    arguments = json.loads(function["arguments"])
    lines = [f"<function={function['name']}>"]
    if not all(map(_XML_NAME.fullmatch, [function["name"], *arguments])):
        raise TrajectoryError(
            f"the call of {function['name']!r} has a name that XML tags cannot hold "
            f"among {', '.join(map(repr, arguments))}; choose another format.",
            reason=RejectionReason.UNSUPPORTED_CONTENT,
        )
    for key, value in arguments.items():
        text = value if isinstance(value, str) else dump_json(value)
        if "</parameter>" in text:
            raise TrajectoryError(
                f"parameter {key!r} of {function['name']!r} holds the tag "
                f"</parameter>; choose another format.",
                reason=RejectionReason.UNSUPPORTED_CONTENT,
            )
        lines.append(f"<parameter={key}>\n{text}\n</parameter>")
    return "\n".join([*lines, "</function>"])


def _join_parts(content: JsonValue) -> JsonValue:
    """Text parts as one text; anything else as it is."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    is_text = len(texts) == len(content) and all(isinstance(t, str) for t in texts)
    return "".join(cast("list[str]", texts)) if is_text else content


def _untag_turn(text: str, tools: Sequence[Tool]) -> JsonObject:
    action = parse_action(text, tools, is_recorded=True)
    if action.parse_error is not None:
        raise TrajectoryError(
            f".content holds a call or reasoning that cannot be read "
            f"({action.parse_error}); expected JSON or <function=…> between {CALL} and "
            f"{CALL_END}, and {THINK_END} after {THINK}.",
            reason=RejectionReason.MALFORMED_CALL,
        )
    reasoning, body = _split_reasoning(text)
    fields: JsonObject = {} if reasoning is None else {"reasoning_content": reasoning}
    if not action.tool_calls:
        return {**fields, "content": body}
    start = body.find(CALL)
    fields["content"] = body[:start].removesuffix("\n") if start else None
    fields["tool_calls"] = message_to_json(action.to_message())["tool_calls"]
    return fields


def _split_reasoning(text: str) -> tuple[str | None, str]:
    """Reasoning and what follows it, to the letter, in the text of an action."""
    before, end, after = text.partition(THINK_END)
    opened = before.lstrip()
    if opened.startswith(THINK):
        return opened.removeprefix(THINK), after
    # A template may have opened it in the prompt, which the text does not show.
    return (before, after) if end and CALL not in before else (None, text)
