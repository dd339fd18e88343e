"""Parameters that all trainers share."""

from pydantic import Field

from pivotrl_pipeline.parameters.base import FrozenParameters


class LearnerParameters(FrozenParameters):
    """How weights are changed, whatever they learn from."""

    learning_rate: float = Field(gt=0)
    """AdamW's, at its highest."""
    warmup_updates: int = Field(ge=0)
    """The learning rate rises linearly over this many updates."""
    weight_decay: float = Field(ge=0)
    """AdamW's."""
    max_gradient_norm: float = Field(gt=0)
    """Longer gradients are scaled down to this Euclidean norm."""
    gradient_checkpointing: bool
    """Whether a layer's activations are computed again in the backward pass instead of
    being kept: about a third more time for a fraction of the memory."""
    lora_rank: int = Field(ge=0)
    """Of the adapters that are trained beside frozen linear layers; 0 trains all
    weights. The extra `lora` has what it takes."""
    tokens_per_forward: int = Field(ge=1)
    """Tokens that go through the model at once when updating; bounds the memory and
    does not change the gradient."""
    checkpoint_every: int = Field(ge=1)
    """Updates between two checkpoints; what a kill may cost."""
    seed: int = Field(ge=0)
    """Of the order of what is learnt from; each sample derives its own from it."""
