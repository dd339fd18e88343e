"""Sampled text to an action: reasoning, content and tool calls.

Two notations inside ``<tool_call>…</tool_call>`` are read: Hermes JSON (Qwen2.5, Qwen3
and the policy in the box) and the XML of Qwen3-Coder. Reading is strict: an unclosed
tag, broken JSON, or text after a call makes the whole text no action, with the reason
in ``parse_error``; then the text itself stays the content and there are no calls. Every
character is visited a bounded number of times, whatever a policy emits.
"""

import json
import re
from collections.abc import Sequence
from typing import NoReturn, cast

from pivotrl_pipeline.formats.xml_values import type_values
from pivotrl_pipeline.records.messages import (
    Action,
    JsonValue,
    Tool,
    ToolCall,
    dump_json,
    make_tool_call,
)

_CALL, _CALL_END = "<tool_call>", "</tool_call>"
_THINK, _THINK_END = "<think>", "</think>"
_FUNCTION = re.compile(r"<function=([^<>\s]+)>")
_PARAMETER = re.compile(r"<parameter=([^<>\s]+)>")
_PARAMETER_END, _FUNCTION_END = "</parameter>", "</function>"
_SPACE = re.compile(r"\s*")


class _MalformedError(Exception):
    """The text is no action; the message says why."""


def parse_action(
    text: str, tools: Sequence[Tool], *, is_recorded: bool = False
) -> Action:
    """The action in sampled text; never raises.

    Args:
        text: As sampled, without the final stop token.
        tools: That the policy was offered; their JSON Schemas type the values of XML
            parameters, which otherwise stay strings.
        is_recorded: Whether a call may hold half a surrogate pair. Where it is sampled
            it may not: no next state could be rendered.

    Returns:
        An action; ``parse_error`` is set where the text is none.
    """
    reasoning, body, error = _split_reasoning(text)
    if error is not None:
        return Action(reasoning=reasoning, parse_error=error)
    try:
        content, calls = _parse_body(body, {tool.name: tool for tool in tools})
        if not is_recorded:
            _refuse_half_pairs(calls)
    except _MalformedError as malformed:
        return Action(body.strip() or None, (), reasoning, str(malformed))
    return Action(content, calls, reasoning)


def _split_reasoning(text: str) -> tuple[str | None, str, str | None]:
    """Reasoning, what follows it, and why the reasoning does not end.

    A template may already have opened ``<think>`` in the prompt, so a closing tag
    before any call ends reasoning whether or not the text opened it.
    """
    start = _skip_space(text, 0)
    is_opened = text.startswith(_THINK, start)
    if is_opened:
        start += len(_THINK)
    end = text.find(_THINK_END, start)
    if end < 0:
        if is_opened:
            return text[start:].strip() or None, "", f"{_THINK} is not closed"
        return None, text, None
    if not is_opened and text.find(_CALL, 0, end) >= 0:
        return None, text, None
    return text[start:end].strip() or None, text[end + len(_THINK_END) :], None


def _parse_body(
    text: str, tools: dict[str, Tool]
) -> tuple[str | None, tuple[ToolCall, ...]]:
    first = text.find(_CALL)
    content = text if first < 0 else text[:first]
    if _CALL_END in content:
        raise _MalformedError(f"{_CALL_END} without {_CALL}")
    calls: list[ToolCall] = []
    position = len(text) if first < 0 else first
    while position < len(text):
        if not text.startswith(_CALL, position):
            raise _MalformedError("text after a tool call")
        call, position = _parse_call(text, position + len(_CALL), tools)
        calls.append(call)
        position = _skip_space(text, position)
    return content.strip() or None, tuple(calls)


def _refuse_half_pairs(calls: Sequence[ToolCall]) -> None:
    """Refuses a call that is no Unicode though its text, with an escape, is."""
    try:
        for call in calls:
            call.name.encode()
            if "\\ud" in call.arguments_text.lower():
                json.dumps(call.arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _MalformedError("a call holds half a surrogate pair") from error


def _parse_call(text: str, start: int, tools: dict[str, Tool]) -> tuple[ToolCall, int]:
    """The call whose body begins at ``start``, and where its closing tag ends."""
    start = _skip_space(text, start)
    if text.startswith("{", start):
        call, end = _parse_hermes(text, start)
    elif text.startswith("<function=", start):
        call, end = _parse_xml(text, start, tools)
    elif text.find(_CALL_END, start) < 0:
        raise _MalformedError(f"{_CALL} is not closed")
    else:
        raise _MalformedError("a tool call is neither a JSON object nor <function=…>")
    return call, _expect(text, end, _CALL_END, f"{_CALL} is not closed")


def _parse_hermes(text: str, start: int) -> tuple[ToolCall, int]:
    fields, end = _scan_object(text, start)
    name, _ = fields.get("name", (None, ""))
    if not isinstance(name, str) or not name:
        raise _MalformedError("a tool call has no name")
    if "arguments" not in fields:
        raise _MalformedError("a tool call has no arguments")
    arguments, source = fields["arguments"]
    call = make_tool_call(name, arguments if isinstance(arguments, str) else source)
    if call.arguments is None:
        raise _MalformedError("the arguments of a tool call are not a JSON object")
    return call, end


def _scan_object(text: str, start: int) -> tuple[dict[str, tuple[JsonValue, str]], int]:
    """Value and source text of each key of the JSON object at ``start``, and its end.

    The source is kept because a call's arguments are recorded as they were sampled.
    """
    fields: dict[str, tuple[JsonValue, str]] = {}
    position = _skip_space(text, start + 1)
    if text.startswith("}", position):
        return fields, position + 1
    while True:
        key, position = _decode_json(text, position)
        if not isinstance(key, str) or key in fields:
            raise _MalformedError("a tool call is not JSON: bad or repeated key")
        position = _expect(text, position, ":", "a tool call is not JSON: no colon")
        position = _skip_space(text, position)
        value, end = _decode_json(text, position)
        fields[key] = (value, text[position:end])
        position = _skip_space(text, end)
        if text.startswith("}", position):
            return fields, position + 1
        position = _expect(text, position, ",", "a tool call is not JSON: no comma")
        position = _skip_space(text, position)


def _decode_json(text: str, position: int) -> tuple[JsonValue, int]:
    try:
        value, end = _DECODER.raw_decode(text, position)
    except RecursionError as error:
        raise _MalformedError("a tool call is not JSON: nested too deeply") from error
    except ValueError as error:
        raise _MalformedError("a tool call is not JSON") from error
    return cast("JsonValue", value), end


def _parse_xml(text: str, start: int, tools: dict[str, Tool]) -> tuple[ToolCall, int]:
    head = _FUNCTION.match(text, start)
    if head is None:
        raise _MalformedError("<function=…> has no name or is not closed")
    name = head.group(1)
    values: dict[str, str] = {}
    position = _skip_space(text, head.end())
    while (parameter := _PARAMETER.match(text, position)) is not None:
        end = text.find(_PARAMETER_END, parameter.end())
        if end < 0:
            raise _MalformedError("<parameter=…> is not closed")
        if parameter.group(1) in values:
            raise _MalformedError(f"parameter {parameter.group(1)!r} is given twice")
        values[parameter.group(1)] = _strip_newlines(text[parameter.end() : end])
        position = _skip_space(text, end + len(_PARAMETER_END))
    position = _expect(text, position, _FUNCTION_END, "<function=…> is not closed")
    parameters = tools[name].parameters if name in tools else {}
    typed = type_values(values, parameters)
    return ToolCall(name, dump_json(typed), typed), position


def _strip_newlines(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")


def _expect(text: str, position: int, token: str, complaint: str) -> int:
    position = _skip_space(text, position)
    if not text.startswith(token, position):
        raise _MalformedError(complaint)
    return position + len(token)


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
