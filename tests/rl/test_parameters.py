"""The parameters of the update: the file that carries them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters

PARAMETERS_FILE = Path(__file__).parents[2] / "conf/base/parameters_rl_update.yml"


@pytest.fixture
def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PARAMETERS_FILE.read_text("utf-8"))
    return loaded["rl_update"]


def test_the_file_holds_four_presets(values: dict[str, Any]) -> None:
    parameters = RLUpdateParameters(**values)

    presets = parameters.objective_presets
    assert set(presets) == {"paper", "trl", "nemo_rl", "dr_grpo"}
    assert parameters.objective_parameters == presets["paper"]
    assert presets["paper"].kl_beta > 0
    assert presets["nemo_rl"].baseline == "leave_one_out"
    assert presets["dr_grpo"].std_scope == "none"


def test_an_unknown_objective_is_refused_with_a_near_miss(
    values: dict[str, Any],
) -> None:
    message = (
        r"rl_update\.objective is 'papper'.*choose from: dr_grpo, nemo_rl, paper, trl\."
        r" Did you mean 'paper'\?"
    )

    with pytest.raises(ValidationError, match=message):
        RLUpdateParameters(**{**values, "objective": "papper"})


def test_k1_without_the_ratio_is_refused(values: dict[str, Any]) -> None:
    preset = values["objective_presets"]["paper"]
    preset |= {"kl_estimator": "k1", "kl_times_ratio": False}

    with pytest.raises(ValidationError, match="gradient is zero on average"):
        RLUpdateParameters(**values)


def test_keeping_the_best_weights_needs_heldout_turns(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"heldout_turns is 0.*keep to 'last'"):
        RLUpdateParameters(**{**values, "keep": "best", "heldout_turns": 0})


@pytest.mark.parametrize(
    ("name", "value"),
    [("group_size", 1), ("easy_turn_rate", 1.0), ("temperature", 0.0), ("typo", 1)],
)
def test_values_out_of_range_are_refused(
    values: dict[str, Any], name: str, value: float
) -> None:
    with pytest.raises(ValidationError, match=name):
        RLUpdateParameters(**{**values, name: value})
