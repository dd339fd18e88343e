"""What all parameters have in common."""

import importlib
import pkgutil
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from pivotrl_pipeline import parameters
from pivotrl_pipeline.parameters.base import FrozenParameters
from pivotrl_pipeline.parameters.refusals import describe_refusal


class Inner(FrozenParameters):
    rate: float = Field(ge=0)


class Outer(FrozenParameters):
    group_size: int
    inner: dict[str, Inner]


def refuse(values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(values)
    return describe_refusal(refused.value, "section")


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    assert refuse({"group_size": 1, "inner": {}, "grop_size": 2}) == (
        "section: There is no parameter 'grop_size'; choose from: group_size, inner. "
        "Did you mean 'group_size'?"
    )


def test_an_unknown_key_is_told_with_its_place_beside_all_other_faults() -> None:
    inner = {"first": {"rte": 1.0}, "second": {"rate": -1.0}}

    assert refuse({"group_size": "many", "inner": inner}).splitlines() == [
        "section.group_size: found 'many'. Input should be a valid integer, unable to "
        "parse string as an integer",
        "section.inner.first: There is no parameter 'rte'; choose from: rate. Did you "
        "mean 'rate'?",
        "section.inner.second.rate: found -1.0. Input should be greater than or equal "
        "to 0",
    ]


def test_a_key_that_is_no_text_is_told_like_any_other() -> None:
    message = refuse({"group_size": 1, "inner": {}, True: 2})

    assert "There is no parameter True; choose from" in message


def test_parameters_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Inner(rate=0.5).rate = 0.6  # type: ignore[misc]


def test_all_parameters_refuse_unknown_keys_in_these_words() -> None:
    modules = [
        importlib.import_module(f"{parameters.__name__}.{module.name}")
        for module in pkgutil.iter_modules(parameters.__path__)
    ]
    models = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel)
    } - {BaseModel}

    assert len(models) > 40
    assert {model for model in models if not issubclass(model, FrozenParameters)} == (
        set()
    )
