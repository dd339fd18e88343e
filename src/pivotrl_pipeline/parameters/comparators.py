"""How two values, or two messages, are compared: the small choices of a verifier."""

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from pivotrl_pipeline.errors import describe_choices
from pivotrl_pipeline.parameters.base import FrozenParameters

Share: TypeAlias = Annotated[float, Field(gt=0, le=1)]


def known_kind(what: str, union: object) -> BeforeValidator:
    """Refuses a ``kind`` that no model of ``union`` has, with the nearest known one."""
    kinds = [
        get_args(model.model_fields["kind"].annotation)[0] for model in get_args(union)
    ]

    def check(value: object) -> object:
        kind = value.get("kind") if isinstance(value, dict) else None
        if isinstance(value, dict) and kind not in kinds:
            raise ValueError(
                f"Unknown {what} {kind!r}; {describe_choices(str(kind), kinds)}"
            )
        return value

    return BeforeValidator(check)


class ExactComparator(FrozenParameters):
    """The same JSON value, every code point of a string included."""

    kind: Literal["exact"]


class TrimmedComparator(FrozenParameters):
    """Strings equal in Unicode NFC without surrounding white space."""

    kind: Literal["trimmed"]


class CaseInsensitiveComparator(FrozenParameters):
    """As `trimmed`, ignoring case and the length of runs of white space."""

    kind: Literal["case_insensitive"]


class NumericToleranceComparator(FrozenParameters):
    """Numbers, or strings that are numbers, no further apart than the larger bound."""

    kind: Literal["numeric_tolerance"]
    absolute: float = Field(ge=0)
    """In the argument's own unit."""
    relative: float = Field(ge=0)
    """Share of the larger of the two values."""


class SimilarityComparator(FrozenParameters):
    """Free text that shares enough words with the demonstrated text."""

    kind: Literal["similarity"]
    measure: Literal["token_f1", "rouge_l"]
    """`token_f1` ignores the order of the words, `rouge_l` does not."""
    threshold: Share
    """Smallest similarity that passes, in (0, 1]; equal texts have 1."""


class PathComparator(FrozenParameters):
    """POSIX paths that name the same file, without looking at a disk."""

    kind: Literal["path"]
    root: str
    """Folder that relative paths start from; '' keeps relative and absolute apart."""


class DateComparator(FrozenParameters):
    """The same day (or instant), in ISO 8601 or with the month spelt out."""

    kind: Literal["date"]


class ShellComparator(FrozenParameters):
    """Shell commands that do the same, compared after parsing."""

    kind: Literal["shell"]
    directory: str
    """Where the shell starts; '' if that is not known."""
    keeps_directory: bool
    """True if the next command starts where this one ended: then `cd` is an effect."""


class IgnoreComparator(FrozenParameters):
    """Any value that the schema allows, or none."""

    kind: Literal["ignore"]


class UnorderedComparator(FrozenParameters):
    """An array whose order means nothing: compared as a multiset."""

    kind: Literal["unordered"]


AnyStringComparator: TypeAlias = (
    ExactComparator | TrimmedComparator | CaseInsensitiveComparator
)
AnyComparator: TypeAlias = (
    AnyStringComparator
    | NumericToleranceComparator
    | SimilarityComparator
    | PathComparator
    | ShellComparator
    | DateComparator
    | IgnoreComparator
    | UnorderedComparator
)
StringComparatorParameters: TypeAlias = Annotated[
    AnyStringComparator,
    Field(discriminator="kind"),
    known_kind("comparator for strings", AnyStringComparator),
]
ComparatorParameters: TypeAlias = Annotated[
    AnyComparator, Field(discriminator="kind"), known_kind("comparator", AnyComparator)
]


class ArgumentRule(FrozenParameters):
    """Which comparator judges which argument; the first rule that fits decides."""

    tool: str
    """Name of a tool; `*` and `?` are wildcards."""
    argument: str
    """Path of the argument, `passengers[].name` for a field of an array's objects;
    `*` and `?` are wildcards."""
    comparator: ComparatorParameters
    """What decides whether two values of it mean the same."""


class AnyMessage(FrozenParameters):
    """Every message with text passes. A policy that learns to talk is paid for it."""

    kind: Literal["any"]


class TokenF1Message(FrozenParameters):
    """Enough common words, whatever their order."""

    kind: Literal["token_f1"]
    threshold: Share
    """Smallest F1 that passes, in (0, 1]."""


class RougeLMessage(FrozenParameters):
    """Enough common words in the same order."""

    kind: Literal["rouge_l"]
    threshold: Share
    """Smallest F-measure of the longest common subsequence that passes, in (0, 1]."""


class FactsMessage(FrozenParameters):
    """The same facts, the same outcome and the same polarity, in any words."""

    kind: Literal["facts"]
    facts: tuple[Literal["ids", "numbers", "dates", "codes", "names"], ...]
    """What must agree. `codes` are words in capitals (SFO), `names` capitalised words
    inside a sentence."""
    added_facts: Literal["forbid", "known"]
    """`forbid`: no fact that the demonstrated message lacks; `known`: none that the
    state lacks either."""
    outcomes: tuple[tuple[str, ...], ...]
    """Groups of words or phrases that report the same outcome ([placed, ordered], [out
    of stock, sold out]); both messages must report the same groups and, where there
    are several, of the same things."""
    min_token_f1: float = Field(ge=0, le=1)
    """Word overlap below which a message fails although its facts agree."""
    min_token_f1_without_facts: float = Field(ge=0, le=1)
    """The same where the demonstrated message states no fact at all."""


AnyMessageRule: TypeAlias = AnyMessage | TokenF1Message | RougeLMessage | FactsMessage
MessageRule: TypeAlias = Annotated[
    AnyMessageRule,
    Field(discriminator="kind"),
    known_kind("rule for messages", AnyMessageRule),
]
