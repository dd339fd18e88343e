"""States to token ids through a model's own chat template, and nothing lost on the way.

Chat templates disagree on everything this package stores: some want the arguments of a
tool call as an object and encode a string twice, some fail on objects; some drop tools,
text beside a call, or earlier reasoning without a word. So each template is tried on a
few conversations when it is loaded (`template_probe`), states are converted to the form
that it renders whole, and a state that it would not render whole is refused.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.state_lengths import count_tokens, render_states
from pivotrl_pipeline.policies.template_messages import (
    Reasoning,
    convert_messages,
    find_contents,
    select_reasoning,
)
from pivotrl_pipeline.policies.template_probe import TemplateFacts, probe_template
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.records.trajectories import State

_logger = logging.getLogger(__name__)

_SHOWN_CHARACTERS = 60


class ChatTemplate:
    """Renders states for one policy.

    Args:
        tokenizer: With a chat template.
        reasoning: Which earlier reasoning is shown again (see `PolicyParameters`).

    Raises:
        PolicyError: If there is no template, or it cannot render tools or tool calls.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, reasoning: Reasoning
    ) -> None:
        self._tokenizer = tokenizer
        self._reasoning: Reasoning = reasoning
        if not tokenizer.chat_template:
            raise PolicyError(
                "the tokenizer has no chat template, so states cannot be rendered; "
                "choose an instruction-tuned policy, or put a template into its "
                "folder (chat_template.jinja)."
            )
        self.facts: TemplateFacts = probe_template(self._apply)
        if not self.facts.is_append_only:
            _logger.info(
                "The chat template rewrites earlier turns when a conversation grows, "
                "so the turns of a trajectory share less than their whole prefix."
            )

    def render(self, state: State) -> list[int]:
        """Token ids of the state, ending with the generation prompt.

        The text is tokenised without the tokenizer's own special tokens: a template
        writes its beginning-of-sequence token itself.

        Raises:
            PolicyError: If the template fails or would lose a part of the state, or if
                its text is no Unicode.
        """
        return self._tokenize(self.render_text(state))

    def measure(self, trajectories: Iterable[Sequence[State]]) -> Iterator[list[int]]:
        """Token counts of `render`, a list per trajectory.

        Args:
            trajectories: The states of each, in the order of its turns; taken as they
                are needed.

        Raises:
            PolicyError: As `render`.
        """
        texts = (
            render_states(states, self.facts, self.render_text)
            for states in trajectories
        )
        if not isinstance(self._tokenizer, PreTrainedTokenizerFast):
            return ([len(self._tokenize(text)) for text in each] for each in texts)
        # A call ends the truncation and padding that a tokenizer may be saved with.
        self._tokenize("")
        return count_tokens(self._tokenizer.backend_tokenizer, texts)

    def render_text(self, state: State) -> str:
        """The text of `render`.

        Raises:
            PolicyError: As `render`.
        """
        messages = select_reasoning(state.prefix, self._reasoning)
        lost = sorted(find_contents(messages) & self.facts.lost)
        if lost:
            raise PolicyError(
                f"the chat template does not render {' and '.join(lost)}, which this "
                "state has; use a policy whose template does, or leave such "
                "trajectories out."
            )
        text = self._apply(
            convert_messages(messages, with_objects=self.facts.takes_objects),
            [tool.schema for tool in state.tools],
            True,
        )
        _refuse_half_pairs(text)
        return text

    def find_added_text(self) -> str:
        """What the tokenizer puts before a text if it is not told to leave that out."""
        added = self._tokenizer("")["input_ids"]
        has_beginning = added[:1] == [self._tokenizer.bos_token_id]
        return str(self._tokenizer.bos_token) if has_beginning else ""

    def _tokenize(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _apply(
        self,
        messages: Sequence[JsonObject],
        tools: Sequence[JsonObject],
        add_generation_prompt: bool,
    ) -> str:
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    cast("list[dict[str, str]]", list(messages)),
                    tools=list(tools) or None,
                    add_generation_prompt=add_generation_prompt,
                    tokenize=False,
                )
            )
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            raise PolicyError(
                f"the chat template fails on a state of {len(messages)} messages and "
                f"{len(tools)} tools: {error}; check that its roles are in an order "
                "that the template allows."
            ) from error


def _refuse_half_pairs(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - _SHOWN_CHARACTERS) : error.end]
        raise PolicyError(
            f"a text holds half a surrogate pair at the end of {around!r}, which no "
            f"file of text and no tokenizer takes; repair the trajectory or leave it "
            f"out."
        ) from error
