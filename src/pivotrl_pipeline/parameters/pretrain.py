"""Parameters of the pipeline that makes the policy in the box."""

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from pivotrl_pipeline.parameters.base import FrozenParameters


class TokenizerParameters(FrozenParameters):
    """The tokenizer."""

    num_documents: PositiveInt
    """Documents whose words are counted."""
    min_frequency: PositiveInt
    """Occurrences that make a word a token."""


class ModelParameters(FrozenParameters):
    """The network."""

    num_layers: PositiveInt
    """Transformer blocks."""
    hidden_size: PositiveInt
    """Width of the residual stream."""
    intermediate_size: PositiveInt
    """Width inside the feed-forward blocks."""
    num_heads: PositiveInt
    """Query heads."""
    num_key_value_heads: PositiveInt
    """Key and value heads, each shared by several query heads."""
    max_tokens: PositiveInt
    """Longest sequence that the configuration declares."""


class NoiseParameters(FrozenParameters):
    """How transcripts differ from the expert's."""

    temptation_scale: NonNegativeFloat
    """Factor on the rates of systematic mistakes."""
    variation_rate: float = Field(ge=0, le=1)
    """Share of errands done in an equivalent way."""
    style_rate: float = Field(ge=0, le=1)
    """Share of calls with another key order, case or a spelled default, each."""
    slip_rate: float = Field(ge=0, le=1)
    """Share of calls with a faulty or needless call before them."""


class StageParameters(FrozenParameters):
    """One stage of the curriculum."""

    num_documents: PositiveInt
    """Documents, each seen once."""
    batch_tokens: PositiveInt
    """Tokens an update."""
    is_mixed: bool
    """Whether an update sees documents of all lengths, and so of all sources; False
    takes those of like length together, in which a new skill forms sooner."""
    share_by_source: dict[str, NonNegativeFloat]
    """Relative number of documents: ``short``, ``long``, ``skill``, ``repeat``,
    ``look_up``."""


class OptimizerParameters(FrozenParameters):
    """The updates."""

    matrix_learning_rate: PositiveFloat
    """Of Muon, at the plateau."""
    other_learning_rate: PositiveFloat
    """Of AdamW, for embeddings and norms, at the plateau."""
    weight_decay: NonNegativeFloat
    """Of the matrices."""
    warmup_updates: NonNegativeInt
    """Updates over which the learning rates rise."""
    decay_rate: float = Field(ge=0, le=1)
    """Share of all updates, at the end, over which they fall to zero."""
    max_gradient_norm: PositiveFloat
    """Gradients are scaled down to this norm."""
    other_weight: float = Field(ge=0, le=1)
    """Weight in the loss of tokens that the assistant does not write."""
    is_bfloat16: bool
    """Matrix products in bfloat16; weights stay in float32."""


class PretrainParameters(FrozenParameters):
    """All of it."""

    seed: NonNegativeInt
    """Of the first weights and of the order of batches."""
    num_processes: PositiveInt
    """Processes that share each update, one thread each; another number changes the
    last bits."""
    tokenizer: TokenizerParameters
    model: ModelParameters
    noise: NoiseParameters
    stages: tuple[StageParameters, ...] = Field(min_length=1)
    optimizer: OptimizerParameters
