"""The tokenizer of the policy in the box.

Words, ids such as O83, single digits, single white-space characters and runs of
punctuation are pre-tokens of their own, so that a name or an id is the same single
token in a request, in a tool call and in a result, and is copied in one step. Frequent
pre-tokens are in the vocabulary whole; anything else falls back to merges and bytes,
so nothing is unknown.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from pivotrl_pipeline.policies.pretraining.chat_template import (
    CALL,
    CALL_END,
    CHAT_TEMPLATE,
    END_OF_TEXT,
    END_OF_TURN,
    RESULT,
    RESULT_END,
    START_OF_TURN,
)

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = (END_OF_TURN, END_OF_TEXT, START_OF_TURN)
MARKUP_TOKENS = (CALL, CALL_END, RESULT, RESULT_END)
PRE_TOKEN = r"\p{Lu}\p{N}+|[\p{L}\p{M}_]+|\p{N}|\s|[^\s\p{L}\p{M}\p{N}_]+"
_ASCII_PRE_TOKEN = re.compile(
    r"[A-Z][0-9]+|[A-Za-z_]+|[0-9]|\s|[^\sA-Za-z0-9_]+", re.ASCII
)


def train_tokenizer(
    texts: Iterable[str], *, min_frequency: int
) -> "PreTrainedTokenizerFast":
    """A byte-level tokenizer whose vocabulary holds the frequent words whole.

    Args:
        texts: What the policy will read and write, markup included.
        min_frequency: Occurrences that make a pre-token a token.
    """
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    vocabulary = _make_vocabulary(texts, min_frequency)
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRE_TOKEN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens(_as_added_tokens(MARKUP_TOKENS))
    return wrap_tokenizer(tokenizer)


def wrap_tokenizer(tokenizer: "Tokenizer") -> "PreTrainedTokenizerFast":
    """The tokenizer as transformers know it, with the chat template."""
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[START_OF_TURN],
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def token_id(tokenizer: "PreTrainedTokenizerFast", token: str) -> int:
    """The id of one token of the vocabulary."""
    return cast("int", tokenizer.convert_tokens_to_ids(token))


def _as_added_tokens(tokens: Iterable[str]) -> list["AddedToken"]:
    """Single tokens that stay in decoded text: they are not special."""
    from tokenizers import AddedToken

    return [AddedToken(token, normalized=False, special=False) for token in tokens]


def _make_vocabulary(texts: Iterable[str], min_frequency: int) -> dict[str, int]:
    """All bytes, then the frequent pre-tokens; the most frequent first."""
    from tokenizers import pre_tokenizers

    markup = re.compile(
        "|".join(re.escape(t) for t in (*SPECIAL_TOKENS, *MARKUP_TOKENS))
    )
    counts: Counter[str] = Counter()
    for text in texts:
        for piece in markup.split(text):
            counts.update(_ASCII_PRE_TOKEN.findall(piece))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    frequent = [
        word
        for word, number in sorted(
            counts.items(), key=lambda entry: (-entry[1], entry[0])
        )
        if number >= min_frequency and len(word) > 1
    ]
    return {token: index for index, token in enumerate([*alphabet, *frequent])}
