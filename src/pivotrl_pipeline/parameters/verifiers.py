"""Parameters of the verifiers, told apart by ``kind``.

The YAML of a pipeline names as many verifiers as it likes; the name is what stands in
the column ``verifier`` of the verdicts::

    verifiers:
      functional:
        kind: by_action_type
        tool_call:
          kind: tool_call
          scoring: strict                  # strict, fraction or f1, over several calls
          strings: {kind: trimmed}         # arguments without a rule of their own
          arguments:
            - tool: "*"
              argument: city
              comparator: {kind: case_insensitive}
            - tool: place_order
              argument: "items[].price"
              comparator: {kind: numeric_tolerance, absolute: 0.005, relative: 0.0}
        message:
          kind: message
          rule:
            kind: facts
            facts: [ids, numbers, dates]
            added_facts: forbid
            outcomes: [[placed, ordered], [cancelled, canceled]]
            min_token_f1: 0.2
            min_token_f1_without_facts: 0.5
      exact_match: {kind: exact_match}
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue

from pivotrl_pipeline.parameters.base import FrozenParameters
from pivotrl_pipeline.parameters.comparators import (
    ArgumentRule,
    MessageRule,
    Share,
    StringComparatorParameters,
    known_kind,
)


class ExactMatchParameters(FrozenParameters):
    """The same action, letter for letter (the strict reward of the paper, Eq. 2)."""

    kind: Literal["exact_match"]


class ToolCallParameters(FrozenParameters):
    """The same calls under the tools' JSON Schemas."""

    kind: Literal["tool_call"]
    scoring: Literal["strict", "fraction", "f1"]
    """Reward of k matched among n demonstrated and m sampled calls: `strict` 1 if
    k = n = m, else 0; `fraction` k / max(n, m); `f1` 2k / (n + m)."""
    strings: StringComparatorParameters
    """For strings that no rule names."""
    arguments: tuple[ArgumentRule, ...]
    """Rules by tool and argument; the first that fits decides."""


class MessageParameters(FrozenParameters):
    """A message that says the same."""

    kind: Literal["message"]
    rule: MessageRule
    """When two messages say the same."""


class ShellParameters(FrozenParameters):
    """Shell commands that do the same: in tool calls, or in batches of keystrokes.

    Batches are those of the Terminus harnesses: a message that is one JSON object with
    `commands` and a completion flag.
    """

    kind: Literal["shell"]
    tool: str
    """Name of the tool that runs commands; `*` and `?` are wildcards."""
    argument: str
    """Which of its arguments holds the command."""
    directory: str
    """Where the shell starts; '' if that is not known."""
    keeps_directory: bool
    """True if the next command starts where this one ended: then `cd` is an effect."""
    scoring: Literal["strict", "fraction", "f1"]
    """As for `tool_call`."""
    strings: StringComparatorParameters
    """For other arguments that are strings."""
    arguments: tuple[ArgumentRule, ...]
    """Rules for the other arguments, for example to ignore a time limit."""


class CodingTool(FrozenParameters):
    """What one tool of a coding agent, or one of its sub-commands, does."""

    tool: str
    """Its name."""
    command: str
    """The sub-command in the argument `command`; '' where the tool has none."""
    category: Literal[
        "read", "write", "edit", "insert", "undo", "search", "run", "finish", "think"
    ]
    """Tools of one category stand for each other."""


class CodeEditParameters(FrozenParameters):
    """Coding agents: the same kind of step, on the same file, with a similar text."""

    kind: Literal["code_edit"]
    tools: tuple[CodingTool, ...] = Field(min_length=1)
    """Every tool that a step may use; another one never passes."""
    root: str
    """Folder that relative paths start from; '' keeps relative and absolute apart."""
    similarity: Share
    """Smallest similarity of written, replaced and replacing text, each on its own."""
    range_coverage: Share
    """Smallest share of the demonstrated lines that a reading step must show."""


class SQLParameters(FrozenParameters):
    """Queries with the same result and the same effect on a copy of the database."""

    kind: Literal["sql"]
    tool: str
    """Name of the tool that runs queries."""
    argument: str
    """Which of its arguments holds the query."""
    database: str
    """Path of the SQLite file before the first turn; `{name}` is filled in from the
    trajectory's metadata."""
    max_rows: int = Field(ge=1)
    """Longest result that is compared."""
    timeout_seconds: float = Field(gt=0)
    """For one query."""


class NemoGymParameters(FrozenParameters):
    """NVIDIA's comparator as published, for parity with its profiles.

    Its shipped settings: 0.1 (conversation and function calling), 0.3 (search), 0.0
    (coding) for `word_threshold`; 1e-6; the switches off.
    """

    kind: Literal["nemo_gym"]
    word_threshold: float = Field(ge=0, le=1)
    """Smallest share of common words over the sum of both lengths, in [0, 0.5]; above
    0.5 no text of two words or more passes."""
    float_tolerance: float = Field(gt=0)
    """Fractional numbers closer than this agree."""
    parallel_rewarding: bool
    """False: every demonstrated call must be found, surplus calls are free."""
    mode: Literal["binary_strict", "fractional", "f1"]
    """Reward of several calls; read only if `parallel_rewarding`."""
    allow_subset: bool
    """Admits fewer calls than demonstrated; read only if `parallel_rewarding`."""
    allow_superset: bool
    """Admits more calls than demonstrated; read only if `parallel_rewarding`."""


class ReplayParameters(FrozenParameters):
    """Actions that lead to the same world and are told the same by it.

    The environment is found by the trajectory's metadata.
    """

    kind: Literal["replay"]
    max_calls: int = Field(ge=1)
    """Calls in one action that are still played; more earn nothing."""


class LLMJudgeParameters(FrozenParameters):
    """A language model behind an OpenAI-compatible endpoint decides."""

    kind: Literal["llm_judge"]
    base_url: str = Field(pattern=r"^https?://")
    """Up to the version, for example http://localhost:8000/v1."""
    model: str
    """The name that the server knows it by."""
    api_key_variable: str
    """Environment variable with the key; '' sends none."""
    instructions: str
    """When two actions are equivalent, in words; the system message."""
    context_messages: int = Field(ge=0)
    """Last messages of the state that the judge sees."""
    swap: bool
    """True asks a second time with the actions swapped; both answers must agree."""
    max_tokens: int = Field(gt=0)
    """Longest answer, in tokens."""
    timeout_seconds: float = Field(gt=0)
    """For one request."""
    num_attempts: int = Field(ge=1)
    """Requests before a sample is given up and excluded."""
    retry_seconds: float = Field(ge=0)
    """Pause before the second attempt; doubled before each further one."""
    cache_path: str
    """Folder of answers by content; '' keeps none."""


class ImportedParameters(FrozenParameters):
    """A function or a class of your own.

    A function takes the state, the demonstrated action and the sampled one, then the
    arguments by name, and returns a reward in [0, 1] (True and False are 1 and 0) or a
    `Verdict`. A class is called with the arguments and has the method `verify`.
    """

    kind: Literal["import_path"]
    path: str
    """Where it is: `my_project.verifiers.same_city`."""
    arguments: dict[str, JsonValue]
    """Passed by name, converted to the types that the signature declares."""


class ByActionTypeParameters(FrozenParameters):
    """One verifier where calls were demonstrated, one where a message was."""

    kind: Literal["by_action_type"]
    tool_call: "VerifierParameters"
    """Judges turns whose demonstrated action calls tools."""
    message: "VerifierParameters"
    """Judges turns whose demonstrated action is text."""


class ByDomainParameters(FrozenParameters):
    """One verifier for each domain of the trajectories."""

    kind: Literal["by_domain"]
    domains: dict[str, "VerifierParameters"] = Field(min_length=1)
    """By the trajectory's domain; `*` stands for every other one."""


class AllOfParameters(FrozenParameters):
    """The smallest reward of several verifiers."""

    kind: Literal["all_of"]
    verifiers: tuple["VerifierParameters", ...] = Field(min_length=1)
    """In the order in which they are asked; the first reward of 0 decides."""


class AnyOfParameters(FrozenParameters):
    """The largest reward of several verifiers."""

    kind: Literal["any_of"]
    verifiers: tuple["VerifierParameters", ...] = Field(min_length=1)
    """In the order in which they are asked; the first reward of 1 decides."""


AnyVerifierParameters: TypeAlias = (
    ExactMatchParameters
    | ToolCallParameters
    | MessageParameters
    | ShellParameters
    | CodeEditParameters
    | SQLParameters
    | NemoGymParameters
    | ReplayParameters
    | LLMJudgeParameters
    | ImportedParameters
    | ByActionTypeParameters
    | ByDomainParameters
    | AllOfParameters
    | AnyOfParameters
)
VerifierParameters: TypeAlias = Annotated[
    AnyVerifierParameters,
    Field(discriminator="kind"),
    known_kind("verifier", AnyVerifierParameters),
]

for _model in (
    ByActionTypeParameters,
    ByDomainParameters,
    AllOfParameters,
    AnyOfParameters,
):
    _model.model_rebuild()
