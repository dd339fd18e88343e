import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.records.messages import Message, Role, Tool, make_tool_call
from pivotrl_pipeline.records.trajectories import State

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

TOOL = Tool(
    "find_order",
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Finds an order.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "integer"}},
                "required": ["order_id"],
            },
        },
    },
)
QUESTION = Message(Role.USER, "Where is order 7?")
CALL = Message(
    Role.ASSISTANT,
    tool_calls=(make_tool_call("find_order", '{"order_id":7}', "call00001"),),
)
RESULT = Message(Role.TOOL, "shipped", tool_call_id="call00001")
OTHER_CALL = make_tool_call("find_order", '{"order_id":8}', "call00002")
STATE = State((QUESTION, CALL, RESULT), (TOOL,))


@pytest.fixture
def load_template(make_tokenizer: MakeTokenizer) -> Callable[..., ChatTemplate]:
    """A public template, on a tokenizer with a token per byte."""
    package = importlib.util.find_spec("trl")
    if package is None or package.origin is None:
        pytest.skip("TRL, which brings the public templates, is not installed")
    folder = Path(package.origin).parent / "chat_templates"

    def load(name: str, reasoning: str = "since_last_user") -> ChatTemplate:
        text = (folder / f"{name}.jinja").read_text()
        return ChatTemplate(make_tokenizer(text, "<bos>"), reasoning=reasoning)

    return load


def render_text(template: ChatTemplate, state: State) -> str:
    return template._tokenizer.decode(template.render(state))


def test_a_state_ends_with_the_generation_prompt(make_tokenizer: MakeTokenizer) -> None:
    template = ChatTemplate(make_tokenizer(), reasoning="drop")

    text = render_text(template, State((QUESTION,), ()))

    assert text == (
        "<|im_start|>user\nWhere is order 7?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_beginning_of_a_sequence_stands_once(
    load_template: Callable[..., ChatTemplate],
) -> None:
    text = render_text(load_template("llama3_1"), STATE)

    assert text.startswith("<bos>")
    assert text.count("<bos>") == 1


@pytest.mark.parametrize(
    ("name", "takes_objects", "is_append_only", "has_reasoning"),
    [
        ("qwen2_5", True, True, False),
        ("qwen3", True, True, True),
        ("qwen3_instruct_2507", True, True, False),
        ("qwen3_5_think", True, False, True),
        ("qwen3_8", True, True, True),
        ("llama3_1", True, True, False),
        ("gptoss", True, True, True),
        ("glm4moe", True, True, True),
        ("nemotron_3_super", True, False, True),
        ("gemma4", True, True, True),
    ],
)
def test_facts_of_public_templates(
    load_template: Callable[..., ChatTemplate],
    name: str,
    takes_objects: bool,
    is_append_only: bool,
    has_reasoning: bool,
) -> None:
    facts = load_template(name).facts

    assert facts.takes_objects is takes_objects
    assert facts.is_append_only is is_append_only
    assert facts.has_reasoning is has_reasoning


@pytest.mark.parametrize(
    "name",
    [
        "qwen2_5",
        "qwen3",
        "qwen3_5_think",
        "llama3_1",
        "gptoss",
        "glm4moe",
        "nemotron_3_super",
        "gemma4",
    ],
)
def test_public_templates_render_arguments_once(
    load_template: Callable[..., ChatTemplate], name: str
) -> None:
    text = render_text(load_template(name), STATE)

    assert "order_id" in text
    assert "shipped" in text
    assert '\\"order_id' not in text


@pytest.mark.parametrize(
    "name", ["deepseekv3", "deepseek_r1_distill", "gemma3", "llama3", "phi3"]
)
def test_templates_without_tools_are_refused(
    load_template: Callable[..., ChatTemplate], name: str
) -> None:
    with pytest.raises(PolicyError, match="does not render tools"):
        load_template(name)


def test_a_template_that_fails_on_objects_gets_text(
    make_tokenizer: MakeTokenizer,
) -> None:
    # As DeepSeek-V3's: the arguments are joined to a string.
    template = ChatTemplate(
        make_tokenizer(
            "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}"
            "{% for c in m.tool_calls or [] %}"
            "{{ c.function.name + ' ' + c.function.arguments }}"
            "{% endfor %}{% endfor %}"
        ),
        reasoning="drop",
    )

    assert not template.facts.takes_objects
    assert '[assistant]find_order {"order_id":7}[tool]shipped' in render_text(
        template, STATE
    )


def test_a_template_that_prints_objects_as_python_gets_text(
    make_tokenizer: MakeTokenizer,
) -> None:
    template = ChatTemplate(
        make_tokenizer(
            "{{ tools }}{% for m in messages %}{{ m.content }}"
            "{% for c in m.tool_calls or [] %}{{ c.function.arguments }}{% endfor %}"
            "{% endfor %}"
        ),
        reasoning="drop",
    )

    assert not template.facts.takes_objects


def test_a_template_that_drops_tool_calls_is_refused(
    make_tokenizer: MakeTokenizer,
) -> None:
    with pytest.raises(PolicyError, match="renders tool calls neither"):
        ChatTemplate(
            make_tokenizer(
                "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}"
            ),
            reasoning="drop",
        )


def test_a_tokenizer_without_template_is_refused(make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(PolicyError, match="no chat template"):
        ChatTemplate(make_tokenizer(None), reasoning="drop")


@pytest.mark.parametrize(
    ("prefix", "lost"),
    [
        (
            (QUESTION, dataclasses.replace(CALL, content="One moment."), RESULT),
            "text beside a tool call",
        ),
        (
            (
                QUESTION,
                dataclasses.replace(CALL, tool_calls=(*CALL.tool_calls, OTHER_CALL)),
                RESULT,
            ),
            "several tool calls in one turn",
        ),
        (
            (QUESTION, dataclasses.replace(CALL, reasoning="Look it up."), RESULT),
            "reasoning since the last user message",
        ),
    ],
)
def test_a_state_that_would_lose_something_is_refused_by_name(
    load_template: Callable[..., ChatTemplate], prefix: tuple[Message, ...], lost: str
) -> None:
    template = load_template("llama3_1")

    with pytest.raises(PolicyError, match=f"does not render {lost}"):
        template.render(State(prefix, (TOOL,)))


@pytest.mark.parametrize(
    ("reasoning", "kept"),
    [
        ("keep_all", ["early", "late"]),
        ("since_last_user", ["late"]),
        ("drop", []),
    ],
)
def test_reasoning_is_shown_again_as_told(
    load_template: Callable[..., ChatTemplate], reasoning: str, kept: list[str]
) -> None:
    state = State(
        (
            QUESTION,
            Message(Role.ASSISTANT, "Shipped.", reasoning="early"),
            QUESTION,
            dataclasses.replace(CALL, reasoning="late"),
            RESULT,
        ),
        (TOOL,),
    )

    text = render_text(load_template("qwen3_8", reasoning), state)

    assert [word for word in ("early", "late") if word in text] == kept


def test_reasoning_that_the_template_forgets_cannot_be_kept(
    load_template: Callable[..., ChatTemplate],
) -> None:
    answer = Message(Role.ASSISTANT, "Shipped.", reasoning="early")
    template = load_template("qwen3", "keep_all")

    with pytest.raises(PolicyError, match="reasoning before the last user message"):
        template.render(State((QUESTION, answer, QUESTION), (TOOL,)))


def test_tool_results_in_a_row_are_rendered_together(
    load_template: Callable[..., ChatTemplate],
) -> None:
    calls = dataclasses.replace(CALL, tool_calls=(*CALL.tool_calls, OTHER_CALL))
    other = Message(Role.TOOL, "packed", tool_call_id="call00002")

    text = render_text(
        load_template("qwen3"), State((QUESTION, calls, RESULT, other), (TOOL,))
    )

    # One user turn holds both responses.
    assert text.count("<|im_start|>user") == 2
    assert text.index("shipped") < text.index("packed")


def test_arguments_that_are_no_object_are_refused_where_one_is_needed(
    make_tokenizer: MakeTokenizer,
) -> None:
    template = ChatTemplate(make_tokenizer(), reasoning="drop")
    broken = Message(Role.ASSISTANT, tool_calls=(make_tool_call("f", "{oops"),))

    with pytest.raises(PolicyError, match="not a JSON object"):
        template.render(State((QUESTION, broken), ()))


def test_a_template_that_fails_says_what_it_said(make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(PolicyError, match="roles must alternate"):
        ChatTemplate(
            make_tokenizer("{{ raise_exception('roles must alternate') }}"),
            reasoning="drop",
        )


def test_half_a_surrogate_pair_is_refused_with_what_stands_before_it(
    make_tokenizer: MakeTokenizer,
) -> None:
    template = ChatTemplate(make_tokenizer(), reasoning="drop")
    state = State((Message(Role.USER, "hello \ud83d there"),), ())

    with pytest.raises(PolicyError, match=r"hello \\ud83d', which .* no tokenizer"):
        template.render(state)
    with pytest.raises(PolicyError, match="half a surrogate pair"):
        list(template.measure([[state]]))
