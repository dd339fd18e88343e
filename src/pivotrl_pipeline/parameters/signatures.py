"""Arguments from YAML, converted to what a function or a class declares."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from pivotrl_pipeline.errors import ConfigurationError, describe_choices


def convert_arguments(
    target: Callable[..., object],
    arguments: Mapping[str, object],
    *,
    num_positional: int,
) -> dict[str, object]:
    """The arguments with the types that the signature declares.

    Args:
        target: A function or a class.
        arguments: By name.
        num_positional: How many leading parameters the caller fills itself.

    Raises:
        ConfigurationError: If an argument is missing, unknown or of another type.
    """
    place = f"{target.__module__}.{target.__qualname__}"
    signature = inspect.signature(target)
    own = list(signature.parameters.values())[num_positional:]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in own)
    names = [each.name for each in own if each.kind is not each.VAR_KEYWORD]
    for name in arguments:
        if name not in names and not takes_any:
            raise ConfigurationError(
                f"{place} has no argument {name!r}; {describe_choices(name, names)}"
            )
    try:
        signature.bind(*[None] * num_positional, **arguments)
    except TypeError as error:
        raise ConfigurationError(
            f"{place} cannot be called with {sorted(arguments)}: {error}; give the "
            "missing ones under `arguments`."
        ) from error
    is_class = inspect.isclass(target)
    hints = typing.get_type_hints(target.__init__ if is_class else target)
    return {
        name: _convert(place, name, hints.get(name, object), value)
        for name, value in arguments.items()
    }


def _convert(place: str, name: str, hint: object, value: object) -> object:
    try:
        return TypeAdapter(cast("type[object]", hint)).validate_python(value)
    except PydanticSchemaGenerationError as error:
        raise ConfigurationError(
            f"{place}: argument {name!r} is declared as {hint!r}, which no YAML value "
            "can be; declare a number, a text, a list, a dataclass or a model."
        ) from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{place}: argument {name!r} is {value!r}; "
            f"{error.errors()[0]['msg']}: correct it under `arguments`."
        ) from error
