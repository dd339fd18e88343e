import json
import logging
from typing import Any

import pandas as pd
import pytest

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.messages import Action
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.tables import VerifierProbeReport
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.selection.probe_report import find_heldout_turns, report_probes
from pivotrl_pipeline.selection.strategies import SelectionRule

LOW_MEAN = SelectionRule("low_mean", 0.6, False, False)
MIXED = SelectionRule("mixed", 0.6, False, False)
MESSAGES = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello, how can I help?"},
    {"role": "user", "content": "Not at all"},
    {"role": "assistant", "content": "Goodbye."},
]


class GenerousVerifier:
    """Pays half for anything said."""

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return Verdict(0.5, VerdictReason.EQUIVALENT)


class StrictVerifier:
    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        return Verdict(0.0, VerdictReason.MESSAGE_MISMATCH)


VERIFIERS = {"generous": GenerousVerifier(), "strict": StrictVerifier()}


@pytest.fixture
def trajectories() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trajectory_id": ["a", "b"],
            "task_id": ["1", "2"],
            "domain": "talk",
            "split": ["train", "validation"],
            "messages": json.dumps(MESSAGES),
            "tools": "[]",
            "success": True,
            "metadata": "{}",
        }
    )


@pytest.fixture
def candidates() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candidate_id": ["a#0", "a#1", "b#0", "b#1"],
            "trajectory_id": ["a", "a", "b", "b"],
            "turn_index": [0, 1, 0, 1],
            "message_index": [1, 3, 1, 3],
            "action_type": "message",
            "demonstrated_action": [json.dumps(MESSAGES[i]) for i in (1, 3, 1, 3)],
        }
    )


def _statistics(verifier: str, means: list[float | None]) -> pd.DataFrame:
    variances = [None if mean is None else mean * (1 - mean) for mean in means]
    return pd.DataFrame(
        {
            "candidate_id": ["a#0", "a#1", "b#0", "b#1"],
            "verifier": verifier,
            "num_rollouts": 8,
            "reward_mean": pd.array(means, dtype="Float64").astype("float64"),
            "reward_variance": pd.array(variances, dtype="Float64").astype("float64"),
            "num_excluded": 0,
        }
    )


@pytest.mark.parametrize(
    ("means", "rule", "expected"),
    [
        ([0.5, 0.5, 0.5, 0.25], LOW_MEAN, {"b#0": 0.5, "b#1": 0.25}),
        ([0.5, 0.5, 0.75, 0.25], LOW_MEAN, {"b#1": 0.25}),
        ([0.5, 0.5, 0.75, 0.25], MIXED, {"b#0": 0.75, "b#1": 0.25}),
        # no pivot among them: every judged one
        ([0.5, 0.5, 1.0, None], MIXED, {"b#0": 1.0}),
        ([0.5, 0.5, 0.0, 1.0], MIXED, {"b#0": 0.0, "b#1": 1.0}),
        ([0.5, 0.5, None, None], MIXED, {}),
    ],
)
def test_probed_turns_are_heldout_ones_that_selection_would_keep(
    trajectories: pd.DataFrame,
    candidates: pd.DataFrame,
    means: list[float | None],
    rule: SelectionRule,
    expected: dict[str, float],
) -> None:
    statistics = _statistics("generous", means)

    assert find_heldout_turns(trajectories, candidates, statistics, rule) == expected


def test_probe_that_earns_as_much_as_the_policy_is_a_warning(
    trajectories: pd.DataFrame,
    candidates: pd.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    means: list[float | None] = [0.5, 0.5, 0.5, 0.25]
    statistics = pd.concat([_statistics(name, means) for name in VERIFIERS])

    report = report_probes(
        VERIFIERS, trajectories, candidates, statistics, rule=LOW_MEAN
    )

    rows: list[Any] = VerifierProbeReport.validate(report).to_dict("records")
    # the policy's own rollouts: (0.5 + 0.25) / 2
    assert rows[0] == {
        "verifier": "generous",
        "probe": "always_talk",
        "action_type": "message",
        "num_turns": 2,
        "num_excluded": 0,
        "reward_mean": 0.5,
        "honest_reward_mean": 0.375,
        "earns_less": False,
    }
    assert report.groupby("verifier")["earns_less"].mean()["strict"] == 1.0
    warned = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warned[0] == (
        "Verifier 'generous' pays 0.50 for the probe 'always_talk' on message turns "
        "(2); honest actions earn 0.38."
    )
    assert len(warned) == len(report[~report["earns_less"]]) == 6
    # four of the twelve need a call or a tool
    assert "Verifier 'strict' on 2 held-out turns: 8 of 8 probes" in caplog.text


def test_each_type_of_turn_is_probed_where_it_has_pivots(
    trajectories: pd.DataFrame, candidates: pd.DataFrame
) -> None:
    mixed = candidates.assign(
        action_type=["message", "message", "message", "tool_call"]
    )
    statistics = _statistics("generous", [0.5, 0.5, 0.5, 1.0])

    turns = find_heldout_turns(trajectories, mixed, statistics, LOW_MEAN)

    assert turns == {"b#0": 0.5, "b#1": 1.0}


def test_verifier_that_pays_every_message_is_found_out(
    trajectories: pd.DataFrame, candidates: pd.DataFrame
) -> None:
    statistics = _statistics("generous", [1.0] * 4).assign(reward_mean=0.5)

    report = report_probes(
        VERIFIERS, trajectories, candidates, statistics, rule=LOW_MEAN
    )

    # the honest policy earns the half that everyone earns; `strict` judged nothing
    assert set(report["verifier"]) == {"generous"}
    assert set(report["num_turns"]) == {2}
    assert set(report.loc[report["probe"] == "always_talk", "earns_less"]) == {False}


def test_no_judged_heldout_turn_is_an_error(
    trajectories: pd.DataFrame, candidates: pd.DataFrame
) -> None:
    statistics = _statistics("generous", [0.5, 0.5, None, None])

    with pytest.raises(ConfigurationError, match="none of 4 rows"):
        report_probes(VERIFIERS, trajectories, candidates, statistics, rule=LOW_MEAN)
