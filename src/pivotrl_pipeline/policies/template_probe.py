"""Tries a chat template on a few conversations, to learn what it renders and what not.

What is known of public templates, and why trying is the only safe way: Qwen2.5,
Llama 3.1 and gpt-oss encode arguments twice when they are given as text; DeepSeek-V3
fails when they are objects; Qwen3.5, GLM-4 and Nemotron 3 fail when they are text;
Llama 3.1 refuses two calls in one turn; most drop reasoning before the last user
message.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.template_messages import (
    EARLY_REASONING,
    LATE_REASONING,
    SEVERAL_CALLS,
    SEVERAL_RESULTS,
    SYSTEM_MESSAGES,
    TEXT_BESIDE_CALLS,
    TOOL_RESULTS,
    convert_messages,
)
from pivotrl_pipeline.records.messages import (
    JsonObject,
    Message,
    Role,
    make_tool_call,
)

Apply: TypeAlias = Callable[[Sequence[JsonObject], Sequence[JsonObject], bool], str]
"""Messages, tools, and whether the generation prompt follows, to text."""

_TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "Probes.",
        "parameters": {
            "type": "object",
            "properties": {"probe_key": {"type": "string", "description": "Probes."}},
            "required": ["probe_key"],
        },
    },
}
_CALLS = tuple(
    make_tool_call(
        "probe_tool", {"probe_argument": f"{word} value"}, f"probe{index:04}"
    )
    for index, word in enumerate(("first", "second"))
)
_USER = Message(Role.USER, "probe question")
_SYSTEM = Message(Role.SYSTEM, "probe system")
_CALL = Message(Role.ASSISTANT, tool_calls=_CALLS[:1])
_BOTH_CALLS = Message(Role.ASSISTANT, tool_calls=_CALLS)
_TALKING_CALL = Message(Role.ASSISTANT, "probe remark", tool_calls=_CALLS[:1])
_RESULTS = tuple(
    Message(Role.TOOL, f"{word} result", tool_call_id=call.call_id, name=call.name)
    for word, call in zip(("first", "second"), _CALLS, strict=True)
)
_ANSWER = Message(Role.ASSISTANT, "probe answer")
_THINKING_ANSWER = Message(Role.ASSISTANT, "probe answer", reasoning="probe thought")
_THINKING_CALL = Message(
    Role.ASSISTANT, tool_calls=_CALLS[:1], reasoning="probe thought"
)

_PROBES: dict[str, tuple[tuple[Message, ...], tuple[str, ...]]] = {
    SYSTEM_MESSAGES: ((_SYSTEM, _USER), ("probe system",)),
    TOOL_RESULTS: ((_USER, _CALL, _RESULTS[0]), ("first value", "first result")),
    SEVERAL_CALLS: (
        (_USER, _BOTH_CALLS, *_RESULTS),
        ("first value", "second value"),
    ),
    SEVERAL_RESULTS: (
        (_USER, _BOTH_CALLS, *_RESULTS),
        ("first result", "second result"),
    ),
    TEXT_BESIDE_CALLS: (
        (_USER, _TALKING_CALL, _RESULTS[0]),
        ("probe remark", "first value"),
    ),
    LATE_REASONING: ((_USER, _THINKING_CALL, _RESULTS[0]), ("probe thought",)),
    EARLY_REASONING: ((_USER, _THINKING_ANSWER, _USER), ("probe thought",)),
}
"""What is tried: the conversation, and the texts that must come out."""


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What a chat template does."""

    takes_objects: bool
    """Whether it is given the arguments of a call parsed, or as their text."""
    lost: frozenset[str]
    """What it does not render whole (the names of `template_messages`)."""
    is_append_only: bool
    """Whether the rendering of a state begins with that of every earlier state, as long
    as there is no reasoning."""
    generation_prompt: str
    """What it writes where an assistant turn is to follow; '' where that changes more
    than the end."""
    call_text: str
    """How it writes a call of ``probe_tool``, after the generation prompt."""
    turn_end: str
    """What it writes after an assistant's text."""

    @property
    def has_reasoning(self) -> bool:
        """Whether it renders reasoning anywhere."""
        return not {EARLY_REASONING, LATE_REASONING} <= self.lost


def probe_template(apply: Apply) -> TemplateFacts:
    """What a template renders.

    Raises:
        PolicyError: If it renders no tools, or no tool calls, or fails on plain text.
    """
    _check_tools(apply)
    takes_objects = _find_argument_form(apply)
    lost = {
        content
        for content, (messages, texts) in _PROBES.items()
        if not _has_all(_render(apply, messages, takes_objects), texts)
    }
    return TemplateFacts(
        takes_objects,
        frozenset(lost),
        _is_append_only(apply, takes_objects),
        _read_generation_prompt(apply, takes_objects),
        _read_turn(apply, _CALL, takes_objects),
        _read_turn(apply, _ANSWER, takes_objects).partition("probe answer")[2],
    )


def _check_tools(apply: Apply) -> None:
    text = apply(convert_messages((_USER,), with_objects=True), [_TOOL], True)
    if not ("probe_tool" in text and "probe_key" in text):
        raise PolicyError(
            "the chat template does not render tools (name and parameters of a tool "
            "that it was given are missing from its text); choose a policy whose "
            "template does, or put one that does into its folder (chat_template.jinja)."
        )


def _find_argument_form(apply: Apply) -> bool:
    """True if arguments are to be given parsed, False if as their text."""
    for takes_objects in (True, False):
        text = _render(apply, (_USER, _CALL, _RESULTS[0]), takes_objects)
        # A text that was encoded again has escaped quotes; an object that was printed
        # rather than encoded has Python's.
        is_damaged = '\\"probe_argument' in text or "'probe_argument'" in text
        if _has_all(text, ("probe_argument", "first value")) and not is_damaged:
            return takes_objects
    raise PolicyError(
        "the chat template renders tool calls neither from parsed arguments nor from "
        "their text without damage; choose a policy whose template does, or put one "
        "that does into its folder (chat_template.jinja)."
    )


def _is_append_only(apply: Apply, takes_objects: bool) -> bool:
    history = (_USER, _CALL, _RESULTS[0], _ANSWER, _USER)
    texts = [
        _render(apply, history[:length], takes_objects)
        for length in (1, 3, len(history))
    ]
    return bool(texts[0]) and all(
        later.startswith(earlier) for earlier, later in itertools.pairwise(texts)
    )


def _read_generation_prompt(apply: Apply, takes_objects: bool) -> str:
    texts = [
        _render(apply, (_USER,), takes_objects, add_generation_prompt=is_added)
        for is_added in (False, True)
    ]
    return texts[1].removeprefix(texts[0]) if texts[1].startswith(texts[0]) else ""


def _read_turn(apply: Apply, message: Message, takes_objects: bool) -> str:
    """What is written for an assistant message after the generation prompt."""
    before = _render(apply, (_USER,), takes_objects)
    after = _render(apply, (_USER, message), takes_objects, add_generation_prompt=False)
    shared = itertools.takewhile(
        lambda pair: pair[0] == pair[1], zip(before, after, strict=False)
    )
    return after[len(list(shared)) :]


def _render(
    apply: Apply,
    messages: Sequence[Message],
    takes_objects: bool,
    *,
    add_generation_prompt: bool = True,
) -> str:
    """The text; '' where the template refuses the conversation."""
    rows = convert_messages(messages, with_objects=takes_objects)
    try:
        return apply(rows, [_TOOL], add_generation_prompt)
    except PolicyError:
        return ""


def _has_all(text: str, parts: Sequence[str]) -> bool:
    return all(part in text for part in parts)
