"""A policy as the lm-evaluation-harness sees a model.

Imported only where the harness is installed. A chat reaches the policy as messages: the
harness passes prompts as text, so the chat template here is JSON, read back at once.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol, cast

from lm_eval.api.model import LM

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation.answers import answer_greedily, read_answer
from pivotrl_pipeline.policies.base import Policy
from pivotrl_pipeline.records.messages import (
    JsonObject,
    Message,
    dump_json,
    message_from_json,
)


class Request(Protocol):
    """What the harness asks once."""

    @property
    def args(self) -> tuple[str, Mapping[str, object]]:
        """The chat as JSON text, and how to generate."""
        ...


class PolicyModel(LM):  # type: ignore[misc]
    """Answers greedily, whatever temperature a task asks for."""

    def __init__(self, policy: Policy, *, max_new_tokens: int) -> None:
        super().__init__()
        self._policy = policy
        self._max_new_tokens = max_new_tokens

    @property
    def tokenizer_name(self) -> str:
        """Part of the key of a cache that is not used."""
        return type(self._policy).__name__

    def apply_chat_template(
        self,
        chat_history: Sequence[Mapping[str, object]],
        add_generation_prompt: bool = True,
    ) -> str:
        """The chat as JSON text.

        Raises:
            ConfigurationError: If the task begins the answer itself.
        """
        if not add_generation_prompt:
            raise ConfigurationError(
                "A task of the harness begins the policy's answer itself (gen_prefix), "
                "which a chat policy cannot go on from; choose a task without it."
            )
        return dump_json([dict(message) for message in chat_history])

    def generate_until(self, requests: Sequence[Request]) -> list[str]:
        """The answers without their reasoning, each up to its first stop text."""
        answers = [""] * len(requests)
        indices_by_limit: dict[int, list[int]] = {}
        for index, request in enumerate(requests):
            asked = cast(
                "int", request.args[1].get("max_gen_toks", self._max_new_tokens)
            )
            limit = min(asked, self._max_new_tokens)
            indices_by_limit.setdefault(limit, []).append(index)
        for limit, indices in indices_by_limit.items():
            chats = [_parse_chat(requests[index].args[0]) for index in indices]
            texts = answer_greedily(self._policy, chats, max_new_tokens=limit)
            for index, text in zip(indices, texts, strict=True):
                said = read_answer(self._policy, text)
                answers[index] = _cut(said, requests[index].args[1].get("until"))
        return answers

    def loglikelihood(self, requests: Sequence[Request]) -> NoReturn:
        """Raises: a policy writes answers, it does not weigh given ones.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            "A task of the harness asks for the likelihood of given answers, which a "
            "policy behind a chat template does not have; choose a task whose "
            "output_type is generate_until, such as its generative variant."
        )

    loglikelihood_rolling = loglikelihood


def _parse_chat(text: str) -> list[Message]:
    return [
        message_from_json(row) for row in cast("list[JsonObject]", json.loads(text))
    ]


def _cut(text: str, until: object) -> str:
    stops = [until] if isinstance(until, str) else cast("list[str]", until or [])
    for stop in stops:
        text = text.partition(stop)[0] if stop else text
    return text
