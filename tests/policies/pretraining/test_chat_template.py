"""The chat template: what it renders, and that it only ever appends."""

from typing import TYPE_CHECKING

import pytest

from pivotrl_pipeline.environments.desk import OrderDesk
from pivotrl_pipeline.environments.desk.transcripts import write_demonstration
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.records.messages import JsonObject, message_to_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOOLS: list[JsonObject] = [tool.schema for tool in OrderDesk().tools]
CALL: JsonObject = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "type": "function",
            "function": {"name": "move", "arguments": {"to": "Köln", "by": [1, 2.5]}},
        }
    ],
}


def render(
    tokenizer: "PreTrainedTokenizerFast",
    messages: list[JsonObject],
    *,
    tools: list[JsonObject] | None = None,
    is_prompt: bool = False,
) -> str:
    text = tokenizer.apply_chat_template(
        messages,  # type: ignore[arg-type]
        tools=tools,  # type: ignore[arg-type]
        tokenize=False,
        add_generation_prompt=is_prompt,
    )
    assert isinstance(text, str)
    return text


def demonstrated_messages(tier: str, count: int) -> list[list[JsonObject]]:
    seeds = take_seeds(SeedRange.DEMONSTRATION, count)
    tasks = OrderDesk().tasks(tier=tier, seeds=seeds)
    return [
        [message_to_json(message) for message in write_demonstration(task).messages]
        for task in tasks
    ]


def test_a_conversation_is_rendered_as_chatml_with_hermes_calls(
    tokenizer: "PreTrainedTokenizerFast",
) -> None:
    messages: list[JsonObject] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Go."},
        CALL,
        {"role": "tool", "content": '{"ok": true}'},
        {"role": "assistant", "content": "Done."},
    ]

    assert render(tokenizer, messages) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nGo.<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>{"name":"move","arguments":'
        '{"to":"Köln","by":[1,2.5]}}</tool_call><|im_end|>\n'
        '<|im_start|>tool\n<tool_response>{"ok": true}</tool_response><|im_end|>\n'
        "<|im_start|>assistant\nDone.<|im_end|>\n"
    )


def test_arguments_as_text_and_as_an_object_render_alike(
    tokenizer: "PreTrainedTokenizerFast",
) -> None:
    as_text: JsonObject = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "type": "function",
                "function": {
                    "name": "move",
                    "arguments": '{"to":"Köln","by":[1,2.5]}',
                },
            }
        ],
    }

    assert render(tokenizer, [as_text]) == render(tokenizer, [CALL])


def test_tools_are_a_signature_a_line(tokenizer: "PreTrainedTokenizerFast") -> None:
    messages: list[JsonObject] = [{"role": "user", "content": "Go."}]

    assert render(tokenizer, messages, tools=TOOLS).startswith(
        "<|im_start|>system\n"
        "You can call tools.\n"
        "find_customer(name?,email?)\n"
        "list_orders(customer_id?,email?,status=any)\n"
        "get_order(order_id)\n"
        "search_items(product,colour?)\n"
        "place_order(customer_id,item_id,quantity=1,shipping=standard)\n"
        "change_quantity(order_id,quantity)\n"
        "cancel_order(order_id)\n"
        "change_city(customer_id,city)<|im_end|>\n"
    )


def test_without_tools_and_system_message_nothing_stands_before_the_user(
    tokenizer: "PreTrainedTokenizerFast",
) -> None:
    messages: list[JsonObject] = [{"role": "user", "content": "add: 1 + 2"}]

    assert render(tokenizer, messages, is_prompt=True) == (
        "<|im_start|>user\nadd: 1 + 2<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(("tier", "count"), [("short", 40), ("long", 8)])
def test_every_prefix_renders_to_a_prefix_in_text_and_in_tokens(
    tokenizer: "PreTrainedTokenizerFast", tier: str, count: int
) -> None:
    for messages in demonstrated_messages(tier, count):
        whole = render(tokenizer, messages, tools=TOOLS)
        whole_ids = tokenizer.encode(whole)
        for index in range(2, len(messages)):
            is_turn = messages[index]["role"] == "assistant"
            prefix = render(tokenizer, messages[:index], tools=TOOLS, is_prompt=is_turn)
            prefix_ids = tokenizer.encode(prefix)
            assert whole.startswith(prefix)
            assert whole_ids[: len(prefix_ids)] == prefix_ids
