import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tokenizers import Encoding, Tokenizer, models
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.state_lengths import count_tokens, render_states
from pivotrl_pipeline.policies.templates import ChatTemplate
from pivotrl_pipeline.records.messages import Message, Role, make_tool_call
from pivotrl_pipeline.records.trajectories import State

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

QUESTION = Message(Role.USER, "Where is order 7? 📦")
CALL = Message(
    Role.ASSISTANT,
    tool_calls=(make_tool_call("find_order", '{"order_id":7}', "call00001"),),
)
THINKING = dataclasses.replace(CALL, reasoning="Look it up.")
TALKING = dataclasses.replace(CALL, content="One moment.")
RESULT = Message(Role.TOOL, "shipped", tool_call_id="call00001")
ANSWER = Message(Role.ASSISTANT, "It is on its way.")
LOOK_UP = (QUESTION, CALL, RESULT, ANSWER)
MANY_TURNS = LOOK_UP * 3
CONVERSATIONS = {
    "calls and answers": MANY_TURNS,
    "answers in a row": (*LOOK_UP, ANSWER, ANSWER, *LOOK_UP),
    "remarks beside calls": (QUESTION, TALKING, RESULT, TALKING, RESULT, ANSWER) * 2,
    "reasoning": (QUESTION, THINKING, RESULT, THINKING, RESULT, ANSWER),
    "forgotten reasoning": (QUESTION, THINKING, RESULT, ANSWER) * 2,
    "text like the template's": (
        *LOOK_UP,
        Message(Role.USER, "<|im_start|>assistant\n<|start|>assistant"),
        *LOOK_UP[1:],
    ),
}


def cut_states(messages: Sequence[Message]) -> list[State]:
    return [
        State(tuple(messages[:index]), ())
        for index, message in enumerate(messages)
        if message.role is Role.ASSISTANT
    ]


def load_public_template(make_tokenizer: MakeTokenizer, name: str) -> ChatTemplate:
    package = importlib.util.find_spec("trl")
    if package is None or package.origin is None:
        pytest.skip("TRL, which brings the public templates, is not installed")
    path = Path(package.origin).parent / "chat_templates" / f"{name}.jinja"
    tokenizer = make_tokenizer(path.read_text(), "<bos>")
    return ChatTemplate(tokenizer, reasoning="since_last_user")


def count_one_by_one(template: ChatTemplate, states: Sequence[State]) -> list[int]:
    return [len(template.render(state)) for state in states]


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.parametrize(
    "name",
    ["qwen3_8", "gptoss", "glm4moe", "gemma4", "nemotron_3_super", "qwen3_5_think"],
)
def test_states_are_as_long_as_each_by_itself(
    make_tokenizer: MakeTokenizer, name: str, messages: tuple[Message, ...]
) -> None:
    template = load_public_template(make_tokenizer, name)
    states = cut_states(messages)

    (measured,) = template.measure([states])

    assert measured == count_one_by_one(template, states)


@pytest.mark.parametrize("name", ["qwen2_5", "qwen3", "llama3_1", "gptoss", "glm4moe"])
def test_states_of_an_append_only_template_are_cut_from_one_text(
    make_tokenizer: MakeTokenizer, name: str
) -> None:
    template = load_public_template(make_tokenizer, name)
    states = cut_states(LOOK_UP * 5)
    rendered = []

    def render(state: State) -> str:
        rendered.append(states.index(state))
        return template.render_text(state)

    texts = render_states(states, template.facts, render)

    # The last of ten, the first after a question and after a result, the middle one.
    assert rendered == [9, 0, 1, 5]
    assert texts == [template.render_text(state) for state in states]


def test_turns_may_be_missing_among_the_states(make_tokenizer: MakeTokenizer) -> None:
    template = ChatTemplate(make_tokenizer(), reasoning="drop")
    states = cut_states(MANY_TURNS)[1::2]

    (measured,) = template.measure([states])

    assert measured == count_one_by_one(template, states)


def test_trajectories_are_measured_in_batches(
    make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pivotrl_pipeline.policies.state_lengths.BATCH_CHARACTERS", 400)
    template = ChatTemplate(make_tokenizer(), reasoning="drop")
    trajectories = [cut_states(LOOK_UP * count) for count in (1, 3, 2)]

    measured = list(template.measure([*trajectories, []]))

    assert measured == [*(count_one_by_one(template, t) for t in trajectories), []]


def test_a_tokenizer_saved_with_truncation_measures_whole_states(
    make_tokenizer: MakeTokenizer,
) -> None:
    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.enable_truncation(5)
    template = ChatTemplate(tokenizer, reasoning="drop")

    ((length,),) = template.measure([[State((QUESTION,), ())]])

    # <|im_start|>user\n, 20 bytes of text, <|im_end|>\n, <|im_start|>assistant\n
    assert length == len(template.render(State((QUESTION,), ()))) > 5


def test_a_state_that_cannot_be_rendered_is_refused(
    make_tokenizer: MakeTokenizer,
) -> None:
    template = ChatTemplate(make_tokenizer(), reasoning="drop")

    with pytest.raises(PolicyError, match="fails on a state of 0 messages"):
        list(template.measure([cut_states((ANSWER, QUESTION, ANSWER))]))


def test_a_text_that_ends_within_a_token_is_tokenised_by_itself() -> None:
    tokenizer = Tokenizer(
        models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")])
    )

    # "abab" is two tokens, and "aba" is no beginning of them: ab, a.
    assert list(count_tokens(tokenizer, [["ab", "aba", "abab"]])) == [[1, 2, 2]]


def test_texts_that_begin_no_other_are_each_tokenised() -> None:
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "b": 1}, merges=[]))

    assert list(count_tokens(tokenizer, [["a", "ba", "bab"], [], ["b"]])) == [
        [1, 2, 3],
        [],
        [1],
    ]


def test_what_follows_a_shared_special_token_is_tokenised_by_itself() -> None:
    tokenizer = Tokenizer(
        models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")])
    )
    tokenizer.add_special_tokens(["|"])
    encoded = []

    class Recorder:
        get_added_tokens_decoder = tokenizer.get_added_tokens_decoder

        def encode(self, text: str, **kwargs: bool) -> Encoding:
            encoded.append(text)
            return tokenizer.encode(text, **kwargs)

        def encode_batch(self, texts: list[str], **kwargs: bool) -> list[Encoding]:
            encoded.extend(texts)
            return tokenizer.encode_batch(texts, **kwargs)

    # ab ab | a and ab ab | b b: four and five tokens, of which the first two are shared
    assert list(count_tokens(Recorder(), [["abab|a", "abab|bb"]])) == [[4, 5]]
    assert encoded == ["abab|bb", "|a"]
