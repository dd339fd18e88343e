"""What supervised fine-tuning reports."""

import pandera.pandas as pa

from pivotrl_pipeline.records.tables.base import Table


class SFTMetrics(Table):
    """One update a row; null where nothing was measured."""

    update_index: int = pa.Field(ge=0, unique=True, description="0-based.")
    epoch: int = pa.Field(ge=0, description="0-based; that of the update's first turn.")
    train_loss: float = pa.Field(
        alias="loss/train",
        ge=0,
        description="Mean negative log-likelihood of the update's action tokens, nats, "
        "before the update.",
    )
    validation_loss: float = pa.Field(
        alias="loss/validation",
        ge=0,
        nullable=True,
        coerce=True,
        description="The same over the validation split, after the update.",
    )
    validation_loss_before: float = pa.Field(
        alias="loss/validation_before",
        ge=0,
        nullable=True,
        coerce=True,
        description="The same before the first update; null in the other rows.",
    )
    validation_success: float = pa.Field(
        alias="validation/success",
        in_range={"min_value": 0, "max_value": 1},
        nullable=True,
        coerce=True,
        description="Share of the validation tasks solved greedily, after the update.",
    )
    validation_success_before: float = pa.Field(
        alias="validation/success_before",
        in_range={"min_value": 0, "max_value": 1},
        nullable=True,
        coerce=True,
        description="The same before the first update; null in the other rows.",
    )
    learning_rate: float = pa.Field(ge=0, description="AdamW's, in this update.")
    gradient_norm: float = pa.Field(
        alias="gradient/norm", ge=0, description="L2, before it is scaled down."
    )
    tokens_forwarded: int = pa.Field(
        alias="tokens/forwarded",
        ge=0,
        description="Tokens through the policy to learn from.",
    )
    tokens_unique: int = pa.Field(
        alias="tokens/unique",
        ge=0,
        description="Different tokens among them: shared beginnings counted once.",
    )
    updating_seconds: float = pa.Field(
        alias="seconds/updating", ge=0, description="Wall time of the gradient."
    )
