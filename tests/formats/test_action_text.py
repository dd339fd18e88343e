import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.records.messages import Action, ActionType, Tool

TOOL = Tool(
    "place_order",
    {
        "type": "function",
        "function": {
            "name": "place_order",
            "parameters": {
                "type": "object",
                "properties": {
                    "quantity": {"type": "integer"},
                    "note": {"type": "string"},
                    "tags": {"type": "array"},
                    "limit": {"type": ["number", "null"]},
                },
            },
        },
    },
)


def test_plain_text_is_a_message() -> None:
    assert parse_action("  Your order is cancelled.\n", ()) == Action(
        "Your order is cancelled."
    )


def test_empty_text_is_a_message_without_content() -> None:
    assert parse_action("", ()) == Action()


def test_hermes_call_keeps_its_arguments_byte_for_byte() -> None:
    action = parse_action(
        '<tool_call>\n{"name": "find", "arguments": {"id":  7, "x": 1.0}}'
        "\n</tool_call>",
        (),
    )

    assert action.parse_error is None
    assert action.action_type is ActionType.TOOL_CALL
    (call,) = action.tool_calls
    assert call.name == "find"
    assert call.arguments_text == '{"id":  7, "x": 1.0}'
    assert call.arguments == {"id": 7, "x": 1.0}


def test_arguments_may_be_a_string_of_json() -> None:
    action = parse_action(
        r'<tool_call>{"arguments": "{\"id\": 7}", "name": "find"}</tool_call>', ()
    )

    (call,) = action.tool_calls
    assert call.arguments_text == '{"id": 7}'
    assert call.arguments == {"id": 7}


@pytest.mark.parametrize("key", ["name", "arguments"])
def test_a_sampled_call_with_half_a_surrogate_pair_is_no_action(key: str) -> None:
    call = {"name": "find", "arguments": {"city": "Rome"}}
    broken = call | {key: {"name": "\ud83d", "arguments": {"city": "\ud83d"}}[key]}
    text = f"<tool_call>{json.dumps(broken)}</tool_call>"

    action = parse_action(text, ())

    assert action.parse_error == "a call holds half a surrogate pair"
    assert (action.content, action.tool_calls) == (text, ())
    assert parse_action(text, (), is_recorded=True).parse_error is None


def test_a_sampled_call_may_spell_a_whole_pair() -> None:
    action = parse_action(
        '<tool_call>{"name":"say","arguments":{"text":"\\ud83d\\ude00"}}</tool_call>',
        (),
    )

    assert action.tool_calls[0].arguments == {"text": "\U0001f600"}


def test_text_before_calls_is_content_and_calls_keep_their_order() -> None:
    action = parse_action(
        "One moment.\n"
        '<tool_call>{"name": "a", "arguments": {}}</tool_call>\n'
        '<tool_call>{"name": "b", "arguments": {}}</tool_call>',
        (),
    )

    assert action.content == "One moment."
    assert [call.name for call in action.tool_calls] == ["a", "b"]


def test_closing_tag_inside_a_json_string_does_not_close_the_call() -> None:
    action = parse_action(
        '<tool_call>{"name": "say", "arguments": {"t": "</tool_call>"}}</tool_call>', ()
    )

    assert action.parse_error is None
    assert action.tool_calls[0].arguments == {"t": "</tool_call>"}


def test_reasoning_is_split_off() -> None:
    action = parse_action("<think>\nLook it up.\n</think>\n\nDone.", ())

    assert action == Action("Done.", reasoning="Look it up.")


def test_reasoning_opened_by_the_prompt_is_split_off() -> None:
    action = parse_action("Look it up.\n</think>\n\nDone.", ())

    assert action == Action("Done.", reasoning="Look it up.")


def test_empty_reasoning_is_none() -> None:
    assert parse_action("<think>\n\n</think>\n\nDone.", ()) == Action("Done.")


def test_call_inside_reasoning_is_not_called() -> None:
    action = parse_action(
        '<think><tool_call>{"name": "a", "arguments": {}}</tool_call></think>No.', ()
    )

    assert action.tool_calls == ()
    assert action.content == "No."


def test_think_end_inside_an_argument_is_not_reasoning() -> None:
    action = parse_action(
        '<tool_call>{"name": "say", "arguments": {"t": "</think>"}}</tool_call>', ()
    )

    assert action.reasoning is None
    assert action.tool_calls[0].arguments == {"t": "</think>"}


def test_xml_values_are_strings_without_a_schema() -> None:
    action = parse_action(
        "<tool_call>\n<function=place_order>\n<parameter=quantity>\n3\n</parameter>\n"
        "<parameter=note>\nred\n\nshoes\n</parameter>\n</function>\n</tool_call>",
        (),
    )

    (call,) = action.tool_calls
    assert call.name == "place_order"
    assert call.arguments == {"quantity": "3", "note": "red\n\nshoes"}
    assert call.arguments_text == '{"quantity":"3","note":"red\\n\\nshoes"}'


def test_xml_values_are_typed_by_the_schema() -> None:
    action = parse_action(
        "<tool_call><function=place_order><parameter=quantity>3</parameter>"
        "<parameter=note>3</parameter><parameter=tags>[1, 2]</parameter>"
        "<parameter=limit>null</parameter></function></tool_call>",
        [TOOL],
    )

    assert action.tool_calls[0].arguments == {
        "quantity": 3,
        "note": "3",
        "tags": [1, 2],
        "limit": None,
    }


def test_xml_value_that_is_not_of_its_type_stays_text() -> None:
    action = parse_action(
        "<tool_call><function=place_order><parameter=quantity>three</parameter>"
        "</function></tool_call>",
        [TOOL],
    )

    assert action.tool_calls[0].arguments == {"quantity": "three"}


OPTIONAL = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "boolean"}, "true", True),
        # as Jinja's `string` prints it, which some templates of Qwen call
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "None", "None"),
        ({"type": "string"}, "True", "True"),
        ({"type": ["string", "null"]}, "None", "None"),
        (OPTIONAL, "7", 7),
        (OPTIONAL, "None", None),
        ({"oneOf": [OPTIONAL, {"type": "array"}]}, "[7]", [7]),
        ({"anyOf": [OPTIONAL, {"type": "string"}]}, "7", "7"),
        ({"enum": [1, 2]}, "2", 2),
        ({"enum": ["1", 2]}, "2", "2"),
        ({"const": {"a": 1}}, '{"a": 1}', {"a": 1}),
        ({"$ref": "#/$defs/Place"}, '{"x": 1.0}', {"x": 1.0}),
        ({"$ref": "#/$defs/a~1b"}, "7", 7),
        ({"$ref": "#/$defs/Loop"}, "7", "7"),
        ({"$ref": "#/nowhere/x"}, "7", "7"),
        ({}, "7", "7"),
        (True, "7", "7"),
    ],
)
def test_xml_values_follow_their_schema_wherever_it_names_a_type(
    schema: object, text: str, value: object
) -> None:
    parameters = {
        "type": "object",
        "properties": {"x": schema},
        "$defs": {
            "Place": {"type": "object"},
            "a/b": {"type": "integer"},
            "Loop": {"allOf": [{"$ref": "#/$defs/Loop"}]},
        },
    }
    entry = {"type": "function", "function": {"name": "f", "parameters": parameters}}

    action = parse_action(
        f"<tool_call><function=f><parameter=x>{text}</parameter></function></tool_call>",
        [Tool("f", entry)],
    )

    assert action.tool_calls[0].arguments == {"x": value}
    assert type(action.tool_calls[0].arguments["x"]) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<think>still", "<think> is not closed"),
        ('<tool_call>{"name": "a", "arguments": {}}', "<tool_call> is not closed"),
        ("<tool_call>", "<tool_call> is not closed"),
        ("<tool_call>find(7)</tool_call>", "neither a JSON object nor"),
        ('<tool_call>{"name": "a", "arguments": {}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "a", "arguments": {},}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "a" "arguments": {}}</tool_call>', "no comma"),
        ('<tool_call>{"name" "a"}</tool_call>', "no colon"),
        ('<tool_call>{"name": "a", "name": "b"}</tool_call>', "repeated key"),
        ('<tool_call>{"name": "a", "arguments": {"x": NaN}}</tool_call>', "not JSON"),
        ('<tool_call>{"name": "a"}</tool_call>', "no arguments"),
        ('<tool_call>{"arguments": {}}</tool_call>', "no name"),
        ('<tool_call>{"name": "", "arguments": {}}</tool_call>', "no name"),
        ("<tool_call>{}</tool_call>", "no name"),
        ('<tool_call>{"name": "a", "arguments": [1]}</tool_call>', "not a JSON object"),
        ('<tool_call>{"name": "a", "arguments": "x"}</tool_call>', "not a JSON object"),
        ('<tool_call>{"name": "a", "arguments": {}}</tool_call> Done.', "text after"),
        ("Done.</tool_call>", "without <tool_call>"),
        ("<tool_call><function=a b></tool_call>", "no name"),
        ("<tool_call><function=a></tool_call>", "<function=…> is not closed"),
        ("<tool_call><function=a><parameter=x>1</function></tool_call>", "<parameter"),
        (
            "<tool_call><function=a><parameter=x>1</parameter><parameter=x>1"
            "</parameter></function></tool_call>",
            "given twice",
        ),
    ],
)
def test_malformed_text_is_no_action_and_says_why(text: str, complaint: str) -> None:
    action = parse_action(text, ())

    assert action.parse_error is not None
    assert complaint in action.parse_error
    assert action.tool_calls == ()


def test_malformed_text_stays_readable_as_content() -> None:
    action = parse_action("<think>a</think>Hm. <tool_call>{</tool_call>", ())

    assert action.content == "Hm. <tool_call>{</tool_call>"
    assert action.reasoning == "a"


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "<tool_call>",
                    "</tool_call>",
                    "<think>",
                    "</think>",
                    "<function=f>",
                    "</function>",
                    "<parameter=p>",
                    "</parameter>",
                    '{"name": "f", "arguments": {}}',
                    "{",
                    "}",
                    '"',
                    "\\",
                    "\ud800",
                ]
            ),
            st.text(max_size=4),
        ),
        max_size=12,
    ).map("".join)
)
def test_never_raises(text: str) -> None:
    parse_action(text, [TOOL])


@pytest.mark.parametrize(
    "piece",
    [
        "<tool_call>",
        "<think>",
        "<tool_call>{",
        '<tool_call>{"a":',
        "[",
        "<function=",
        "<tool_call><function=f>" + "<parameter=p>",
        " ",
        '<tool_call>{"name":"f","arguments":{}}</tool_call> ',
        '<tool_call>{"name":"f","arguments":' + "[" * 50,
    ],
)
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))

    started = time.perf_counter()
    parse_action(text, ())

    # Two million characters; a quadratic scan would take hours.
    assert time.perf_counter() - started < 10
