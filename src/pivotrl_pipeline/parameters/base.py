"""What all parameters have in common."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, model_validator

from pivotrl_pipeline.errors import ConfigurationError, describe_choices


class FrozenParameters(BaseModel):
    """Frozen; an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, values: object) -> object:
        if isinstance(values, dict):
            check_keys(values, cls)
        return values


def check_keys(keys: Iterable[object], model: type[BaseModel]) -> None:
    """Refuses keys that are no fields of the model.

    Raises:
        ConfigurationError: Names the first such key and the choices.
    """
    known = model.model_fields
    for key in keys:
        if key not in known:
            raise ConfigurationError(
                f"There is no parameter {key!r}; {describe_choices(str(key), known)}"
            )
