"""The row of one update, by hand."""

import math

import pandas as pd
import pytest
from tests.rl.toys import make_pivots

from pivotrl_pipeline.policies.base import Sample
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.tables import TrainingMetrics
from pivotrl_pipeline.rl.metrics import (
    LearningReport,
    Measurement,
    UpdateTotals,
    make_metrics_row,
)
from pivotrl_pipeline.rl.rollout_groups import JudgedSample, RolloutGroup

TOTALS = UpdateTotals(
    update_index=3,
    rollout_turns=12,
    sampling_seconds=0.5,
    updating_seconds=0.25,
    profiling_turns=8,
    measured=Measurement(heldout_reward_mean=0.5),
    before=Measurement(heldout_reward_mean=0.25, validation_success=0.75),
)


def make_rollout(
    action: Action,
    reward: float | None,
    *,
    logprobs: tuple[float, ...] = (-1.0,),
    finish_reason: FinishReason = FinishReason.STOP,
) -> JudgedSample:
    sample = Sample((1,) * len(logprobs), logprobs, finish_reason)
    return JudgedSample(sample, action, reward)


def test_a_row_by_hand() -> None:
    call = make_tool_call("look_up", {})
    group = RolloutGroup(
        make_pivots(1)[0],
        (
            make_rollout(Action(tool_calls=(call, call)), 1.0, logprobs=(-1.0, -2.0)),
            make_rollout(Action(content="hello"), 0.0),
            make_rollout(Action(parse_error="unclosed tag"), 0.0),
            make_rollout(Action(), None, finish_reason=FinishReason.LENGTH),
        ),
    )

    row = make_metrics_row([group], LearningReport(False, 1.0), TOTALS)

    assert row["reward/mean"] == pytest.approx(1 / 3)
    # deviations 2/3, -1/3, -1/3: mean square 6/27
    assert row["reward/std"] == pytest.approx(math.sqrt(6 / 27))
    assert row["rollouts/excluded"] == 1
    # five tokens: -(-1 - 2 - 1 - 1 - 1) / 5
    assert row["entropy/mean"] == pytest.approx(6 / 5)
    assert row["action/mean_tokens"] == 5 / 4
    assert row["action/truncated_rate"] == 1 / 4
    assert row["action/parse_failure_rate"] == 1 / 4
    assert row["action/calls_mean"] == 2 / 4
    assert row["action/message_rate"] == 3 / 4
    assert (row["rollout_turns"], row["profiling_turns"]) == (12, 8)
    assert row["heldout/reward_mean_before"] == 0.25
    assert row["heldout/reward_mean"] == 0.5
    assert row["validation/success_before"] == 0.75
    assert row["validation/success"] is None


@pytest.mark.parametrize(
    ("reward", "report"),
    [
        (None, LearningReport(True, 0.0)),
        (0.5, LearningReport(False, 1.0, 0.1, 2.0, 0.01, 1e-6, 20, 10)),
    ],
)
def test_rows_fit_the_schema_of_the_table(
    reward: float | None, report: LearningReport
) -> None:
    group = RolloutGroup(make_pivots(1)[0], (make_rollout(Action(), reward),))

    row = make_metrics_row([group], report, TOTALS)

    TrainingMetrics.validate(pd.DataFrame([row]))
